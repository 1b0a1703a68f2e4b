"""A job saves a step below those that its run has: it began anew, or the newest ones could not be loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.git.repo import Repo
from cpv_hooks.runs import run_refs
from support.repos import ModelRepo

JOB = """
import sys
from dvc_cpv_plugin import CheckpointRun

with CheckpointRun(name="main", keep_last=2) as run:
    for step in map(int, sys.argv[2:]):
        text = f"{sys.argv[1]} {step}"
        run.step(step, {"loss": step}, save=lambda folder: (folder / "model.bin").write_text(text))
        run.flush()
"""
RESUME = """
from dvc_cpv_plugin import CheckpointRun

with CheckpointRun(name="main", keep_last=1) as run:
    start = run.resume(lambda folder: print((folder / "model.bin").read_text(), end=""))
    if start.step == 2000:
        run.step(2500, {}, save=lambda folder: (folder / "model.bin").write_text("again 2500"))
"""
READ = """
from dvc_cpv_plugin import CheckpointRun

with CheckpointRun(name="main", keep_last=2) as run:
    run.resume(lambda folder: print((folder / "model.bin").read_text(), end=""))
"""


@pytest.fixture
def repo(make_repo: MakeRepo, tmp_path: Path) -> ModelRepo:
    return make_repo(remote=tmp_path / "store", files={"model.bin": "first"})


def shown(repo: ModelRepo) -> list[str]:
    return [line.partition("\t")[0] for line in repo.cpv("runs", "show", "main").lines]


def test_what_a_job_that_begins_anew_saves_is_the_newest(repo: ModelRepo) -> None:
    repo.python("-c", JOB, "first", 1000, 2000, 3000)
    done = repo.python("-c", JOB, "second", 100)
    assert done.err.count("run main: step 100 is saved after step 3000, and counts as newer\n") == 1
    assert shown(repo) == ["3000", "100"]
    done = repo.python("-c", JOB, "second", 200, 3000)
    assert "counts as newer" not in done.err
    assert shown(repo) == ["200", "3000"]
    assert repo.python("-c", RESUME).out == "second 3000"
    repo.python("-c", JOB, "third", 7)
    assert repo.python("-c", RESUME).out == "third 7"
    assert repo.cpv("runs", "promote", "main").lines == ["v0.1"]
    assert repo.read("model.bin") == b"third 7"


def test_a_step_after_one_that_is_damaged_is_kept(repo: ModelRepo, tmp_path: Path) -> None:
    """With `keep_last=1` the damaged one would stay for ever, and all that is saved after it would go at once."""
    repo.python("-c", JOB, "first", 2000, 3000)
    lost = run_refs.steps_of_run(Repo.discover(repo.path), "main")[-1]
    oid = repo.git("show", f"{lost.commit}:model.bin.dvc").out.partition("md5: ")[2].split()[0]
    for store in (repo.path / ".dvc/cache", tmp_path / "store"):
        (store / "files/md5" / oid[:2] / oid[2:]).unlink()
    done = repo.python("-c", RESUME)
    assert done.out == "first 2000"
    assert "step 3000 is not complete and is skipped" in done.err
    assert shown(repo) == ["2500"]
    assert repo.python("-c", RESUME).out == "again 2500"


def test_what_was_saved_in_a_later_lap_and_not_pushed_yet_stays(repo: ModelRepo, tmp_path: Path) -> None:
    """The host has an older step of that number; a later lap that another clone has pushed comes all the same."""
    settings = repo.path / ".cpv.toml"
    settings.write_text(settings.read_text() + "[runs]\npush = true\n")
    origin = tmp_path / "origin.git"
    repo.git("init", "-q", "--bare", origin)
    repo.git("remote", "add", "origin", origin)
    repo.git("push", "-q", "origin", "main")
    repo.python("-c", JOB, "first", 1, 2, 3)
    origin.rename(tmp_path / "away")
    repo.python("-c", JOB, "second", 2)
    (tmp_path / "away").rename(origin)
    assert repo.python("-c", READ).out == "second 2"
    repo.git("clone", "-q", origin, tmp_path / "other")
    other = ModelRepo(tmp_path / "other")
    other.cpv("install")
    other.write(".cpv.toml", settings.read_text())
    assert other.python("-c", READ).out == "first 3"
    other.python("-c", JOB, "third", 2)
    other.python("-c", JOB, "fourth", 2, 1)
    assert repo.python("-c", READ).out == "fourth 1"


def test_a_step_that_is_saved_again_stays_in_its_place(repo: ModelRepo) -> None:
    repo.python("-c", JOB, "first", 1, 2)
    done = repo.python("-c", JOB, "second", 2, 3)
    assert "counts as newer" not in done.err
    assert [step.lap for step in run_refs.steps_of_run(Repo.discover(repo.path), "main")] == [0, 0]
