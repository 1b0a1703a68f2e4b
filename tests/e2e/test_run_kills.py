"""A run whose processes are killed at every stage of a save: nothing saved is lost, nothing half-saved is taken."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.runs import restore, run_refs
from cpv_hooks.runs.run_folder import RunFolder
from cpv_hooks.transfer.objects.upload_queue import Queue
from support.job import Job
from support.repos import SETTINGS, ModelRepo
from support.run_kills import ROUNDS, counted

DRIVER = """
import importlib, os, signal, sys

def kill_around(place, when):
    module, _, name = place.partition(":")
    owner = importlib.import_module(module)
    *outer, name = name.split(".")
    for part in outer:
        owner = getattr(owner, part)
    real = getattr(owner, name)

    def killed(*args, **rest):
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        found = real(*args, **rest)
        os.kill(os.getpid(), signal.SIGKILL)
        return found

    setattr(owner, name, killed)

if len(sys.argv) > 3:
    kill_around(*sys.argv[3:5])
from cpv_hooks.runs import worker
sys.exit(worker.main(sys.argv[1:3]))
"""
STAGES = [
    ("cpv_hooks.runs.run_folder:RunFolder.claim", "before"),
    ("cpv_hooks.runs.run_folder:RunFolder.claim", "after"),
    ("cpv_hooks.dvcformat.cache:Cache.take", "after"),
    ("cpv_hooks.dvcformat.cache:Cache.keep", "after"),
    ("cpv_hooks.operations.make.place_content:take_in_files", "before"),
    ("cpv_hooks.operations.make.place_content:take_in_files", "after"),
    ("cpv_hooks.runs.run_refs:write_step_ref", "before"),
    ("cpv_hooks.runs.run_refs:write_step_ref", "after"),
    ("cpv_hooks.runs.take_in:queue_step", "after"),
    ("cpv_hooks.runs.run_folder:Saved.mark_taken", "after"),
    ("cpv_hooks.runs.step_upload:deliver_now", "before"),
    ("cpv_hooks.runs.step_upload:deliver_now", "after"),
    ("cpv_hooks.runs.run_refs:delete_step_refs", "before"),
    ("cpv_hooks.runs.run_refs:delete_step_refs", "after"),
    ("cpv_hooks.runs.retention:_free_cache", "after"),
    ("cpv_hooks.runs.retention:_free_remote", "after"),
]


class Run:
    """A run in a repository, without its job: what the job would save is put there."""

    def __init__(self, shell: ModelRepo) -> None:
        self.shell = shell
        self.repo = Repo.discover(shell.path)
        self.project = Project.find_all(self.repo)[0]
        self.folder = RunFolder.of(self.repo, "main")
        self.folder.begin({"job": "1", "keep": ["last", 2]})

    def save(self, step: int) -> bytes:
        content = f"model of step {step}\n".encode()
        files = self.folder.start_saving(step)
        (files / "model.bin").write_bytes(content)
        self.folder.finish_saving(files, step, {"step": step, "metrics": {}, "time": 1.8e9 + step, "job": "1"})
        return content

    def work(self, *stage: str) -> int:
        status = -signal.SIGKILL if stage else 0
        return self.shell.python("-c", DRIVER, self.shell.path, "main", *stage, status=status).status

    def resumed(self, target: Path) -> tuple[int, bytes] | None:
        step = restore.restore_newest(self.project, self.folder, target)
        return None if step is None else (step.step, (target / "model.bin").read_bytes())


@pytest.fixture
def run(make_repo: MakeRepo, tmp_path: Path) -> Run:
    settings = SETTINGS + '[runs]\nfree = "at once"\n'
    return Run(make_repo(remote=tmp_path / "vision/resnet", settings=settings, files={"model.bin": "first"}))


def test_a_step_that_is_there_is_queued(run: Run) -> None:
    run.save(1)
    run.work("cpv_hooks.runs.run_refs:write_step_ref", "after")
    (step,) = run_refs.steps_of_run(run.repo, "main")
    assert [item.commit for item in Queue.of(run.repo).pending()] == [step.commit]
    run.work()
    assert Queue.of(run.repo).pending() == []


@pytest.mark.timeout(300 * (1 + ROUNDS))
def test_the_background_process_is_killed_at_every_stage(
    run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stages = STAGES * (ROUNDS or 1)
    for step in (1, 2):  # so that there is something to let go of
        run.save(step)
        run.work()
    with counted("a background process at every stage", capfd) as figures:
        for number, stage in enumerate(stages, 3):
            content = run.save(number)
            run.work(*stage)
            figures.kills += 1
            found = run.resumed(tmp_path / "target")
            figures.lost += found is None or found[0] != number
            figures.incomplete += found is not None and found[1] != content
    end = len(stages) + 3
    last = run.save(end)
    run.work()
    assert run.resumed(tmp_path / "target") == (end, last)
    assert [step.step for step in run_refs.steps_of_run(run.repo, "main")] == [end - 1, end]
    assert run.folder.left() == []
    assert run.shell.git("fsck", "--strict", "--no-dangling").text == ""
    report = json.loads(run.shell.cpv("verify", "--all", "--json").out)
    assert report["sound"] if isinstance(report, dict) else all(part["sound"] for part in report)
    assert run.shell.cpv("sync", "--status", "--json").status == 0
    assert run.shell.changes() == []


KILLED_JOB = """
import os, signal, sys
from dvc_cpv_plugin import CheckpointRun
from cpv_hooks.runs import run_folder

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def save(folder):
    (folder / "model.bin").write_bytes(b"whole")

def torn(folder):
    (folder / "model.bin").write_bytes(b"to")
    die()

with CheckpointRun(every=1) as run:
    run.step(0, {}, save=save)
    run.flush()
    if sys.argv[1] == "save":
        run.step(1, {}, save=torn)
    elif sys.argv[1] == "rename":
        run_folder.os.replace = die
        run.step(1, {}, save=save)
    else:
        run._saving.background.wake = die
        run.step(1, {}, save=save)
"""


@pytest.mark.parametrize(("stage", "resumed"), [("save", 0), ("rename", 0), ("wake", 1)])
def test_the_job_is_killed_while_it_saves(run: Run, tmp_path: Path, stage: str, resumed: int) -> None:
    """It loses the step under way, and no other one; one that is whole is kept although nobody was told of it."""
    run.shell.python("-c", KILLED_JOB, stage, status=-signal.SIGKILL)
    assert run.resumed(tmp_path / "target") == (resumed, b"whole")
    again = Job(run.shell.path, 0, every=1)
    assert again.end() == 1  # what was saved here is none of that job's own
    assert not list(run.folder.path.glob("saving-*"))


def test_the_background_process_is_killed_while_the_job_goes_on(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = make_repo(files={"model.bin": "first"})
    job = Job(repo.path, 40, every=4, pause=0.1).until("step 5")
    children = Path(f"/proc/{job.process.pid}/task/{job.process.pid}/children").read_text().split()
    assert len(children) == 1
    repo.run("kill", "-9", children[0])
    assert job.end() == 0, job.errors
    steps = [step.step for step in run_refs.steps_of_run(Repo.discover(repo.path), "main")]
    assert steps[-1] == 36
    assert {*steps, *job.skipped} == set(range(4, 40, 4))
