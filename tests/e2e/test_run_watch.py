"""`dvc cpv watch`: a program that knows nothing of CPV, its checkpoints as a run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.git.repo import Repo
from cpv_hooks.runs import run_refs
from support.repos import ModelRepo
from support.shell import BIN, Shell

TRAINER = """
import json, os, shutil, sys, time
from pathlib import Path

out, steps, pause = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
found = sorted(out.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
first = 0
if found:
    first = json.loads((found[-1] / "model.json").read_text())["step"] + 1
print("first", first, os.environ["CPV_RUN"], flush=True)
for step in range(first, steps):
    folder = out / f"tmp-checkpoint-{step}"
    folder.mkdir()
    (folder / "model.json").write_text(json.dumps({"step": step}))
    (folder / "config.json").write_text("{}")
    log = [{"step": step, "eval_loss": 1 / (1 + step)}]
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": step, "log_history": log}))
    folder.rename(out / f"checkpoint-{step}")
    time.sleep(pause)
    shutil.rmtree(out / f"checkpoint-{step - 1}", ignore_errors=True)
"""


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    repo = make_repo(files={"model.bin": "first"})
    repo.write("train.py", TRAINER)
    repo.write(".gitignore", b"".join([repo.read(".gitignore"), b"/out\n"]))
    repo.git("add", "train.py", ".gitignore")
    repo.commit("trainer")
    return repo


def steps(repo: ModelRepo) -> list[int]:
    return [step.step for step in run_refs.steps_of_run(Repo.discover(repo.path), "main")]


def watch(repo: ModelRepo, *words: str, options: tuple[str, ...] = (), status: int = 0) -> str:
    settled = ("--settle", "0", *options)
    done = repo.cpv("watch", "out", *settled, "--", "python3", "train.py", "out", *words, status=status)
    return done.err


def test_checkpoints_are_taken_before_the_program_rotates_them_away(repo: ModelRepo, tmp_path: Path) -> None:
    errors = watch(repo, "4", "2.5", options=("--marker", "trainer_state.json"))
    assert steps(repo) == [0, 1, 2, 3]
    assert sorted(path.name for path in (repo.path / "out").iterdir()) == ["checkpoint-3"]
    assert "run main: step 2 is checkpoint-2" in errors
    found = run_refs.steps_of_run(Repo.discover(repo.path), "main")
    assert [step.source for step in found] == [f"checkpoint-{number}" for number in range(4)]
    assert found[3].metrics["eval_loss"] == 0.25
    assert repo.git("diff", "--name-only", "HEAD", "refs/cpv/runs/main/3").lines == ["checkpoint.dvc"]
    assert repo.changes() == []
    assert run_refs.is_finished(Repo.discover(repo.path), "main")


def test_it_ends_as_the_program_does_and_what_is_not_whole_is_not_taken(repo: ModelRepo) -> None:
    code = "import os, pathlib; pathlib.Path('out/step_1.pt').write_text('half'); os._exit(7)"
    options = ("--settle", "60")
    repo.cpv("watch", "out", *options, "--", "python3", "-c", code, status=7)
    assert steps(repo) == []
    code = code.replace("7", "0")
    repo.cpv("watch", "out", *options, "--", "python3", "-c", code.replace("half", "whole"))
    assert steps(repo) == [1]
    assert repo.git("diff", "--name-only", "HEAD", "refs/cpv/runs/main/1").lines == ["model.bin.dvc"]


def test_a_signal_is_passed_on_and_the_next_machine_goes_on(repo: ModelRepo, tmp_path: Path) -> None:
    words = ["watch", "out", "--settle", "0", "--keep-last", "2", "--", "python3", "train.py", "out", "1000", "0.6"]
    with (tmp_path / "err").open("wb") as stream:
        job = subprocess.Popen([BIN / "dvc", "cpv", *words], cwd=repo.path, stderr=stream, stdout=stream)
    for _ in range(6000):
        if len(steps(repo)) == 2:
            break
        time.sleep(0.02)
    job.send_signal(signal.SIGTERM)
    assert job.wait(60) == 128 + signal.SIGTERM, (tmp_path / "err").read_text()
    last = steps(repo)[-1]
    repo.run("rm", "-rf", "out")
    done = repo.cpv(
        "watch", "out", "--settle", "0", "--resume", "--", "python3", "train.py", "out", str(last + 2), "0.6"
    )
    assert f"step {last} is in {repo.path / 'out' / f'checkpoint-{last}'}" in done.err
    assert steps(repo)[-1] == last + 1


def test_what_cannot_work(repo: ModelRepo, tmp_path: Path) -> None:
    assert "no program is named; fix: dvc cpv watch DIR -- COMMAND" in repo.cpv("watch", "out", status=1).err
    assert "no-such-program: cannot be started" in repo.cpv("watch", "out", "--", "no-such-program", status=1).err
    for option, value in (("--settle", "nan"), ("--settle", "-1"), ("--grace", "-1"), ("--grace", "inf")):
        refused = repo.cpv("watch", "o", f"{option}={value}", "--", "true", status=1).err
        assert f"{option} must be a number of seconds, not {float(value)}; fix: dvc cpv watch DIR {option} " in refused
    repo.write("taken", "a file")
    assert "taken: there is a file where a folder should be" in repo.cpv("watch", "taken", "--", "true", status=1).err
    for folder, said in (
        (".git", "lies in .git, which is reserved"),
        (".dvc/x", "lies in .dvc"),
        ("", "path is empty"),
    ):
        assert said in repo.cpv("watch", folder, "--", "true", status=1).err
    for artifact in ("../x", "/etc/x", ".git/x", "a/../../x"):
        done = repo.cpv("watch", "o", "--artifact", artifact, "--", "true", status=1)
        assert done.err.startswith(
            f"cpv: '{artifact}': an artifact must lie in the repository, and not in .git or .dvc; fix: "
        )
        assert len(done.err.splitlines()) == 1
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert "not inside a Git work tree" in Shell(elsewhere).cpv("watch", "out", "--", "true", status=1).err
    assert list(elsewhere.iterdir()) == []
    assert json.loads(repo.cpv("runs", "list", "--json").out) == []
    assert os.environ.get("CPV_RUN") is None
