"""What goes wrong around a training job: one clear line, and training goes on wherever it can."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.git.repo import Repo
from cpv_hooks.runs import run_refs
from cpv_hooks.runs.run_folder import RunFolder
from support.job import Job, skipped_in
from support.repos import ModelRepo
from support.shell import Shell

BEGIN = """
import os, sys, time
from dvc_cpv_plugin import CheckpointRun

def save(folder):
    (folder / "model.bin").write_bytes(os.urandom(8))
"""


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    return make_repo(files={"model.bin": "first"})


def steps(repo: ModelRepo, run: str = "main") -> list[int]:
    return [step.step for step in run_refs.steps_of_run(Repo.discover(repo.path), run)]


def train(repo: Shell, body: str, status: int = 0) -> str:
    """Run Python after `BEGIN`; what it printed on the standard error."""
    return repo.python("-c", BEGIN + body, status=status).err


def test_a_save_that_raises_comes_through_and_keeps_nothing(repo: ModelRepo) -> None:
    body = """
def fails(folder):
    (folder / "model.bin").write_bytes(b"half")
    raise RuntimeError("CUDA out of memory")

with CheckpointRun(every=1) as run:
    run.step(0, save=save)
    run.step(1, save=fails)
"""
    assert "RuntimeError: CUDA out of memory" in train(repo, body, status=1)
    assert steps(repo) == [0]
    folder = RunFolder.of(Repo.discover(repo.path), "main")
    assert not list(folder.path.glob("saving-*"))
    assert folder.left() == []
    # It did not come to its end, so the next job goes on with it.
    assert "resuming from step 0" in train(repo, "with CheckpointRun() as run: run.resume(print)")


def test_a_metric_that_is_missing_or_no_number_is_never_best(repo: ModelRepo) -> None:
    body = """
with CheckpointRun(every=1, keep_best=1, metric="loss") as run:
    for step, metrics in enumerate([{"loss": 3}, {}, {"loss": float("nan")}, {"loss": "low"}, {"loss": 4, "x": [1]}]):
        run.step(step, metrics, save=save)
        run.flush()
"""
    errors = train(repo, body)
    assert steps(repo) == [0, 4]
    assert errors.count("metric loss is missing, so it cannot be among the best") == 1
    assert errors.count("metric loss is not a finite number, so it cannot be among the best") == 1
    assert errors.count("metric x is neither a number nor a text, and is left out") == 1
    assert run_refs.steps_of_run(Repo.discover(repo.path), "main")[1].metrics == {"loss": 4}


def test_numbers_of_numpy_are_numbers(repo: ModelRepo) -> None:
    body = """
import numpy
with CheckpointRun() as run:
    run.step(0, {"a": numpy.float32(0.5), "b": numpy.int64(3), "c": numpy.zeros(2), "d": numpy.array(7.0)}, save=save)
"""
    assert "metric c is neither" in train(repo, body)
    assert run_refs.steps_of_run(Repo.discover(repo.path), "main")[0].metrics == {"a": 0.5, "b": 3, "d": 7.0}


def test_training_goes_on_without_the_remote_and_what_waits_is_uploaded_later(repo: ModelRepo, tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    storage.rename(tmp_path / "away")
    storage.write_text("a file where the folder should be")
    job = Job(repo.path, 4, every=1, keep_last=3)
    assert job.end() == 0
    assert "queued; dvc cpv sync tries again" in job.errors
    assert "Traceback" not in job.errors
    assert steps(repo) == [1, 2, 3]
    waiting = json.loads(repo.cpv("sync", "--status", "--json", status=1).out)
    assert len(json.dumps(waiting).split("a training run's checkpoint")) - 1 == 3
    storage.unlink()
    (tmp_path / "away").rename(storage)
    repo.cpv("sync")
    shutil.rmtree(repo.path / ".dvc/cache/files")
    again = Job(repo.path, 5, name="main")
    assert again.end() == 0, again.errors
    assert again.lines[0] == "start 3 main"


def test_a_step_that_is_not_complete_is_passed_over_by_name(repo: ModelRepo, tmp_path: Path) -> None:
    assert Job(repo.path, 6, every=2).end() == 0
    pointer = repo.git("show", "refs/cpv/runs/main/4:model.bin.dvc").out
    oid = next(line.split()[-1] for line in pointer.splitlines() if "md5:" in line)
    here = repo.path / ".dvc/cache/files/md5" / oid[:2] / oid[2:]
    there = tmp_path / "storage/files/md5" / oid[:2] / oid[2:]
    here.chmod(0o644)
    here.write_bytes(b"damaged")
    here.chmod(0o444)
    whole = Job(repo.path, 5, name="main")
    assert whole.end() == 0
    assert whole.lines[0] == "start 4 main"  # the remote has it
    assert here.read_bytes() == there.read_bytes()
    here.unlink()
    there.unlink()
    older = Job(repo.path, 3, name="main")
    assert older.end() == 0
    assert older.lines[0] == "start 2 main"
    assert (
        f"step 4 is not complete and is skipped: model.bin: neither the cache nor the remote has {oid}" in older.errors
    )


def test_where_the_job_is_faster_the_newest_wins_and_the_skipped_are_named(repo: ModelRepo) -> None:
    body = """
with CheckpointRun(every=1) as run:
    for step in range(50):
        run.step(step, save=save)
"""
    errors = train(repo, body)
    found = steps(repo)
    assert found[-1] == 49
    assert len(found) < 50
    assert skipped_in(errors) == set(range(50)) - set(found)


def test_what_is_still_written_to_is_not_kept_and_training_goes_on(repo: ModelRepo) -> None:
    body = '''
import subprocess
WRITER = """
import sys, time
with open(sys.argv[1], "wb") as stream:
    for _ in range(3000):
        stream.write(b"x" * 99)
        stream.flush()
        time.sleep(0.01)
"""
def slow(folder):
    global writer
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder / "model.bin")])
    while not (folder / "model.bin").exists():
        time.sleep(.01)
    (folder / "filler").write_bytes(b"y" * 100_000_000)

with CheckpointRun(artifact="all") as run:
    run.step(0, save=slow)
    run.flush()
    writer.kill()
    run.step(1, save=save)
'''
    errors = train(repo, body)
    assert "step 0 is not kept" in errors
    assert "is being written" in errors
    assert steps(repo) == [1]


def test_a_path_that_git_tracks_is_no_checkpoints(repo: ModelRepo) -> None:
    repo.write("config.json", "{}")
    repo.git("add", "config.json")
    repo.commit("config")
    body = """
def both(folder):
    for name in ("config.json", "model.bin"):
        (folder / name).write_text(name)

with CheckpointRun() as run:
    run.step(0, save=both)
    run.flush()
    run.step(1, save=lambda folder: None)
    run.flush()
    run.step(2, save=save)
"""
    errors = train(repo, body)
    assert (
        "config.json: Git itself tracks this path, so it cannot hold a checkpoint; fix: save config.json under"
        in errors
    )
    assert "step 1 is not kept" in errors
    assert "nothing was saved; fix: save into the folder that is given" in errors
    assert steps(repo) == [2]


def test_a_folder_of_files_comes_back_as_it_was(repo: ModelRepo) -> None:
    body = """
def both(folder):
    (folder / "shards").mkdir()
    for name in ("config.json", "shards/0", "shards/1"):
        (folder / name).write_text(name)

with CheckpointRun(artifact="checkpoint", name="a") as run:
    run.step(0, save=both)
with CheckpointRun(name="b") as run:
    run.step(0, save=both)
for name in "ab":
    with CheckpointRun(name=name) as run:
        run.resume(lambda folder: print(sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))))
"""
    done = repo.python("-c", BEGIN + body)
    assert done.lines == ["['config.json', 'shards', 'shards/0', 'shards/1']"] * 2
    changed = [repo.git("diff", "--name-only", "HEAD", f"refs/cpv/runs/{run}/0").lines for run in "ab"]
    assert changed == [["checkpoint.dvc"], ["checkpoint.dvc"]]
    assert repo.changes() == []


def test_a_signal_ends_a_forked_child_as_ever_and_a_second_ctrl_c_interrupts_at_once(repo: ModelRepo) -> None:
    body = """
import multiprocessing, signal
with CheckpointRun() as run:
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    child.start()
    time.sleep(0.2)
    child.terminate()
    child.join(20)
    print(child.exitcode, run.ending, flush=True)
    os.kill(os.getpid(), signal.SIGINT)
    print(run.ending, flush=True)
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
    except KeyboardInterrupt:
        print("interrupted")
    raise SystemExit(7)
"""
    done = repo.python("-c", BEGIN + body, status=7)
    assert done.lines == [f"{-signal.SIGTERM} False", "True", "interrupted"]


def test_a_signal_after_the_last_step_ends_the_job_with_its_code(repo: ModelRepo) -> None:
    body = """
import signal
with CheckpointRun() as run:
    run.step(0, save=save)
    os.kill(os.getpid(), signal.SIGTERM)
"""
    train(repo, body, status=128 + signal.SIGTERM)
    assert steps(repo) == [0]
    assert run_refs.is_finished(Repo.discover(repo.path), "main")


def test_a_job_imports_nothing_heavy(repo: ModelRepo) -> None:
    body = """
with CheckpointRun(keep_best=1, metric="loss") as run:
    run.resume(print)
    run.step(0, {"loss": 1}, save=save)
    run.flush()
heavy = ("asyncio", "boto3", "dvc", "pluggy", "pydantic", "pygit2", "rich", "sqlite3", "ruamel")
print([name for name in heavy if name in sys.modules])
"""
    assert repo.python("-c", BEGIN + body).out == "[]\n"
    assert steps(repo) == [0]


def test_what_cannot_work_is_refused_at_the_start(shell: Shell, repo: ModelRepo) -> None:
    cases = {
        "name='a/b'": "'a/b' is not a name for a run",
        "keep_best=2": "keep_best needs the name of a metric",
        "every=0": "every must be a whole number of at least 1, not 0",
        "keep_last=True": "keep_last must be a whole number of at least 1, not True",
    }
    for options, what in cases.items():
        assert what in train(repo, f"with CheckpointRun({options}) as run: pass", status=1)
    assert "a step is a whole number of 0 or more with at most 18 digits, not 1.5" in train(
        repo, "with CheckpointRun() as run: run.step(1.5)", status=1
    )
    assert "a run begins with its with block" in train(repo, "CheckpointRun().step(1)", status=1)
    code = [sys.executable, "-c", BEGIN + "with CheckpointRun(): pass"]
    assert "not inside a Git work tree" in shell.run(*code, status=1).err
    shell.git("init", "-q")
    assert "CPV does not manage this repository (no .cpv.toml); fix: dvc cpv init" in shell.run(*code, status=1).err
    shell.dvc("init", "-q")
    shell.write(".cpv.toml", "")
    assert "there is no commit yet" in shell.run(*code, status=1).err


def test_a_node_where_nobody_has_said_who_commits(repo: ModelRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("user.name", "user.email"):
        repo.git("config", "--global", "--unset-all", name, status=None)
    repo.git("config", "user.useConfigOnly", "true")
    for variable in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{variable}_EMAIL", raising=False)
        monkeypatch.delenv(f"GIT_{variable}_NAME", raising=False)
    assert Job(repo.path, 2, every=1).end() == 0
    assert steps(repo) == [0, 1]


def test_a_flush_does_not_hold_up_the_end_that_a_signal_asks_for(repo: ModelRepo) -> None:
    """The background process is stopped, so without the signal `flush` would wait for ever."""
    body = """
import signal

def stops(folder):
    os.kill(run._saving.background._process, signal.SIGSTOP)
    save(folder)

with CheckpointRun(every=1) as run:
    run.step(1, save=stops)
    assert run.flush(0.1) is False
    os.kill(os.getpid(), signal.SIGTERM)
    assert run.flush() is False
    os.kill(run._saving.background._process, signal.SIGCONT)
    run.step(2, save=save)
"""
    train(repo, body, status=143)
    assert steps(repo)[-1] == 2
