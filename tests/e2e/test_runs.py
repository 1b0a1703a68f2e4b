"""Training jobs: what `CheckpointRun` leaves in Git, in DVC and on the remote, and how a job goes on after its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import MakeRepo

from support.job import Job
from support.repos import SETTINGS, ModelRepo, object_names
from support.shell import Shell

AT_ONCE = SETTINGS + '[runs]\nfree = "at once"\n'


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    return make_repo(files={"model.bin": "first"})


def steps(repo: ModelRepo, run: str = "main") -> list[int]:
    refs = repo.git("for-each-ref", "--format=%(refname:lstrip=4)", f"refs/cpv/runs/{run}/").lines
    return sorted(int(ref) for ref in refs if ref.isdigit())


def content(repo: ModelRepo, run: str, step: int, store: Path) -> bytes:
    """The model of a step, read from a folder of objects."""
    pointer = repo.git("show", f"refs/cpv/runs/{run}/{step}:model.bin.dvc").out
    oid = next(line.split()[-1] for line in pointer.splitlines() if "md5:" in line)
    return (store / "files/md5" / oid[:2] / oid[2:]).read_bytes()


def test_a_run_keeps_what_it_is_to_keep_and_leaves_no_trace_in_plain_git(repo: ModelRepo, tmp_path: Path) -> None:
    before = (repo.head(), repo.tags(), repo.git("log", "--oneline").out, repo.git("branch", "--list").out)
    job = Job(repo.path, 20, every=3, keep_last=2, keep_best=1, metric="loss", mode="max")
    assert job.end() == 0, job.errors
    assert steps(repo) == [3, 15, 18]
    assert [line for line in job.lines if line.endswith("True")] == [f"step {n} True" for n in (3, 6, 9, 12, 15, 18)]
    assert job.errors.count("is on the remote") == 6
    for step, total in ((3, 6), (15, 120), (18, 171)):
        assert json.loads(content(repo, "main", step, tmp_path / "storage")) == {"sum": total}
    assert (repo.head(), repo.tags(), repo.git("log", "--oneline").out, repo.git("branch", "--list").out) == before
    assert repo.changes() == []
    assert repo.dvc("status").out.strip() == "Data and pipelines are up to date."
    assert "dangling commit" not in repo.git("fsck", "--strict", "--no-dangling").text
    message = repo.git("log", "-1", "--format=%B", "refs/cpv/runs/main/18").out
    assert message.startswith("Run main, step 18: loss 0.0526")
    assert repo.git("diff", "--name-only", "HEAD", "refs/cpv/runs/main/18").lines == ["model.bin.dvc"]


def test_dropped_steps_leave_the_cache_and_a_remote_of_the_models_own(make_repo: MakeRepo, tmp_path: Path) -> None:
    store = tmp_path / "vision/resnet"
    repo = make_repo(remote=store, settings=AT_ONCE, files={"model.bin": "first", "data/a": "data"})
    before = (repo.objects(), object_names(store / "files/md5"))
    job = Job(repo.path, 30, every=1, keep_last=2)
    assert job.end() == 0, job.errors
    assert steps(repo) == [28, 29]
    assert len(repo.objects() - before[0]) == len(object_names(store / "files/md5") - before[1]) == 2
    assert repo.cpv("verify", "--all").status == 0


def test_a_remote_that_others_may_use_keeps_all(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = make_repo(settings=AT_ONCE, files={"model.bin": "first"})
    before = len(object_names(tmp_path / "storage/files/md5"))
    assert Job(repo.path, 5, every=1, keep_last=1).end() == 0
    assert len(object_names(tmp_path / "storage/files/md5")) == before + 5


def test_a_version_with_the_same_bytes_keeps_them(make_repo: MakeRepo, tmp_path: Path) -> None:
    """A step's file is committed as the model while the run goes on; its step is dropped, its bytes are not."""
    store = tmp_path / "vision/resnet"
    repo = make_repo(remote=store, settings=AT_ONCE, files={"model.bin": "first"})
    job = Job(repo.path, 12, every=1, keep_last=1, pause=0.2).until("step 2")
    repo.write("model.bin", json.dumps({"sum": 3}))  # what step 2 is
    head = repo.commit("step 2 is the best")
    assert job.end() == 0, job.errors
    assert 2 not in steps(repo)
    assert repo.cpv("verify", "--all").status == 0
    repo.git("checkout", "-q", "HEAD~1")
    repo.git("checkout", "-q", head)
    assert repo.read("model.bin") == b'{"sum": 3}'


def test_a_killed_job_goes_on_and_comes_to_the_same_end(repo: ModelRepo) -> None:
    job = Job(repo.path, 12, every=2, pause=0.3).until("step 7")
    job.kill()
    again = Job(repo.path, 12, every=2)
    assert again.end() == 0, again.errors
    start = int(again.lines[0].split()[1])
    assert start == 6
    assert again.lines[-1] == f"sum {sum(range(12))}"
    assert "resuming from step 6" in again.errors


def test_a_run_that_came_to_its_end_is_not_gone_on_with_unless_it_is_named(repo: ModelRepo) -> None:
    assert Job(repo.path, 4, every=2).end() == 0
    other = Job(repo.path, 4, every=2)
    assert other.end() == 0
    assert other.lines[0] == "start None main-2"
    assert "run main-2: main is finished, or another job is working on it" in other.errors
    more = Job(repo.path, 8, every=2, name="main")
    assert more.end() == 0
    assert more.lines[0] == "start 2 main"
    assert steps(repo) == [2, 4, 6]


def test_two_jobs_at_once(repo: ModelRepo) -> None:
    """A run that is named is refused; one that is not takes the next name."""
    first = Job(repo.path, 1000, every=10, pause=0.05).until("step 1")
    named = Job(repo.path, 3, every=1, name="main")
    assert named.end() == 1
    assert f"another job is working on run main (process {first.process.pid} on " in named.errors
    assert "CheckpointRun(name='main-2')" in named.errors
    assert Job(repo.path, 3, every=1).end() == 0
    assert steps(repo, "main-2") == [0, 1, 2]
    first.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_a_signal_saves_uploads_and_ends_with_its_code(repo: ModelRepo, tmp_path: Path, number: signal.Signals) -> None:
    job = Job(repo.path, 1000, every=500, pause=0.05).until("step 3")
    job.send(number)
    assert job.end() == 128 + number
    last = int([line for line in job.lines if line.startswith("step ")][-1].split()[1]) + 1
    assert steps(repo) == [last]
    assert json.loads(content(repo, "main", last, tmp_path / "storage")) == {"sum": sum(range(last + 1))}
    again = Job(repo.path, last + 2, every=500)
    assert again.end() == 0
    assert again.lines[0] == f"start {last} main"


def test_a_signal_to_all_processes_while_the_job_looks_for_a_step(repo: ModelRepo, tmp_path: Path) -> None:
    """Slurm and `timeout` send it to each of them; the one that looks for a step has no handler."""
    looks = Shell(tmp_path).write("looks", "#!/bin/sh\nkill -TERM $PPID\nkill -TERM $$\n")
    looks.chmod(0o755)
    script = f"""
import sys
from dvc_cpv_plugin import CheckpointRun
with CheckpointRun() as run:
    sys.executable = {str(looks)!r}
    run.resume(print)
"""
    assert repo.python("-c", script, status=128 + signal.SIGTERM).err == ""


def test_a_detached_head_and_uncommitted_code(repo: ModelRepo) -> None:
    repo.write("train.py", "rate = 1\n")
    repo.git("add", "train.py")
    base = repo.commit("code")
    repo.git("checkout", "-q", "--detach")
    repo.write("train.py", "rate = 2\n")
    repo.write("secret.txt", "not tracked\n")
    status = repo.changes()
    assert Job(repo.path, 3, every=2).end() == 0
    assert repo.changes() == status
    ref = "refs/cpv/runs/run/2"
    assert repo.git("rev-parse", f"{ref}^1").out.strip() == base
    assert repo.git("show", f"{ref}^2:train.py").out == "rate = 2\n"
    assert repo.git("diff", "--name-only", f"{ref}^1", f"{ref}^2").lines == ["train.py"]
    assert repo.git("show", f"{ref}:train.py").out == "rate = 1\n"
    assert "with uncommitted changes, which are the second parent" in repo.git("log", "-1", "--format=%b", ref).out


def test_prune_and_verify_count_the_steps_of_runs(repo: ModelRepo) -> None:
    assert Job(repo.path, 4, every=2).end() == 0
    before = repo.objects()
    assert repo.cpv("prune", "--grace", "0d", "--yes").out == "nothing to prune\n"
    assert repo.objects() == before
    assert "cpv/runs/main/2" in json.dumps(json.loads(repo.cpv("verify", "--all", "--json").out))


def test_a_push_does_not_take_runs_along_and_a_mirror_takes_their_data_first(repo: ModelRepo, tmp_path: Path) -> None:
    origin = tmp_path / "origin.git"
    repo.git("init", "-q", "--bare", origin)
    repo.git("remote", "add", "origin", origin)
    assert Job(repo.path, 4, every=2).end() == 0
    repo.git("push", "-q", "--all", "origin")
    assert "refs/cpv" not in repo.git("ls-remote", origin).out
    repo.git("push", "-q", "--mirror", "origin")
    assert "refs/cpv/runs/main/2" in repo.git("ls-remote", origin).out


def test_another_machine_goes_on_with_a_run_that_is_pushed(make_repo: MakeRepo, tmp_path: Path) -> None:
    settings = '[cpv]\nteam = "vision"\nmodel = "resnet"\n[runs]\npush = true\n'
    repo = make_repo(settings=settings, files={"model.bin": "first"})
    origin = tmp_path / "origin.git"
    repo.git("init", "-q", "--bare", origin)
    repo.git("remote", "add", "origin", origin)
    repo.git("push", "-q", "origin", "main")
    job = Job(repo.path, 1000, every=2, keep_last=2, pause=0.1).until("step 7")
    job.send(signal.SIGTERM)
    assert job.end() == 143
    last = steps(repo)
    assert repo.git("ls-remote", origin, "refs/cpv/*").out.count("refs/cpv/runs/main/") == len(last) == 2
    repo.git("clone", "-q", origin, tmp_path / "other")
    other = ModelRepo(tmp_path / "other")
    again = Job(other.path, last[-1] + 3, every=2)
    assert again.end() == 0, again.errors
    assert again.lines[0] == f"start {last[-1]} main"
    assert again.lines[-1] == f"sum {sum(range(last[-1] + 3))}"


def session_of(process: int) -> str:
    """How far a process's session gives way to others; empty where the kernel does not share cores by sessions."""
    try:
        return Path(f"/proc/{process}/autogroup").read_text().partition(" ")[2].strip()
    except FileNotFoundError:
        return ""


def new_session() -> str:
    """The same of a session that has just begun; that of the first process since the machine's start has none."""
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        found = session_of(process.pid)
        process.kill()
    return found


def test_what_goes_on_beside_training_gives_way_to_it_until_it_ends(repo: ModelRepo) -> None:
    usual = session_of(os.getpid())
    session = "nice 5" if new_session() else ""
    for settings, cores in (("", 1), ("[runs]\ncores = 0\n", len(os.sched_getaffinity(0)))):
        repo.write(".cpv.toml", SETTINGS + settings)
        job = Job(repo.path, 1000, every=1, pause=0.05).until("step 1")
        process = int(repo.run("pgrep", "-P", str(job.process.pid)).lines[0])
        wanted, found = ("idle", cores, True, session), ("", 0, False, "")
        while found != wanted:
            assert job.process.poll() is None, found
            disk = repo.run("ionice", "-p", str(process)).out.strip()
            is_nice = os.getpriority(os.PRIO_PROCESS, process) > os.getpriority(os.PRIO_PROCESS, 0)
            found = (disk, len(os.sched_getaffinity(process)), is_nice, session_of(process))
        assert session_of(job.process.pid) == usual
        assert [line for line in job.errors.splitlines() if "autogroup" in line or "Traceback" in line] == []
        job.kill()


def test_what_is_left_when_training_has_ended_may_have_all_cores(repo: ModelRepo) -> None:
    way = "from cpv_hooks.runs.giving_way import give_way; give_way(1); print(1, flush=True); input()"
    code = (
        "import os, subprocess, sys\n"
        "from cpv_hooks.runs.giving_way import end_giving_way\n"
        f"words, pipe = [sys.executable, '-c', {way!r}], subprocess.PIPE\n"
        "with subprocess.Popen(words, stdin=pipe, stdout=pipe, start_new_session=True) as child:\n"
        "    child.stdout.readline()\n"
        "    before = os.sched_getaffinity(child.pid)\n"
        "    end_giving_way(child.pid)\n"
        "    disk = subprocess.run(['ionice', '-p', str(child.pid)], capture_output=True, text=True).stdout\n"
        "    print(len(before), os.sched_getaffinity(child.pid) == os.sched_getaffinity(0), disk, end='')\n"
        "    group = f'/proc/{child.pid}/autogroup'\n"
        "    print(open(group).read().split()[1:] if os.path.exists(group) else [])\n"
        "    child.kill()\n"
    )
    first, second = repo.python("-c", code).lines
    assert first.split()[:3] == ["1", "True", "none:"]
    assert second == str(new_session().split())
