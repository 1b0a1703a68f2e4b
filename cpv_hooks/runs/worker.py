"""The background process of a run: takes checkpoints in, uploads them, and lets go of those that are not to be kept.

It outlives its job: what a killed job had saved is still taken in and uploaded. Where it is behind, the newest
checkpoint goes first and the ones before it are skipped, by name.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cpv_hooks.console.output import fail, say, warn
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.runs import retention, run_refs, step_upload
from cpv_hooks.runs.giving_way import give_way
from cpv_hooks.runs.run_folder import ENDED, JOB, RunFolder, Saved
from cpv_hooks.runs.step_record import RunStep
from cpv_hooks.runs.take_in import code_of_job, take_in
from cpv_hooks.worktree.known_files import BeingWritten

_TRIES, _PAUSE = 3, 0.1  # seconds
_WAIT = 1.0  # seconds between two looks at whether the job still runs


class RunWorker:
    """The work on one run, for the job that started this process."""

    def __init__(self, project: Project, folder: RunFolder) -> None:
        self._project = project
        self._folder = folder
        # A job that was killed at once has left this process to another parent.
        self._job = int(folder.read(JOB).get("process") or os.getppid())

    def run(self) -> None:
        """Work until the job has ended and nothing is left to do."""
        with suppress(CPVError):  # said where a checkpoint is taken in
            code_of_job(self._project, self._folder, str(self._folder.read(JOB).get("job")))
        with self._folder.working():
            if not self._begin():
                return
            self._retry()
            is_over = False
            while True:
                worked = self._work()
                if is_over and not worked:
                    break
                # Once more after its end: it may have saved until then.
                is_over = is_over or (not worked and self._has_ended())
            self._end()

    def _is_alive(self) -> bool:
        """Whether the job itself is there and may save more."""
        return os.getppid() == self._job and not (self._folder.path / ENDED).exists()

    def _begin(self) -> bool:
        """Whatever comes before the first checkpoint; whether there is anything to do."""
        return True

    def _word(self, wait: float) -> bytes | None:
        """Wait for a word of the job: empty at its end, None where it says nothing."""
        ready, _, _ = select.select([0], [], [], wait)
        return os.read(0, 1 << 16) if ready else None

    def _has_ended(self) -> bool:
        """Wait for a word of the job; whether there will be none."""
        # A child of the job's may hold the other end of the pipe open.
        return self._word(_WAIT) == b"" or os.getppid() != self._job

    def _work(self) -> bool:
        """Take the newest checkpoint, if there is one, and go all the way with it."""
        try:
            with self._folder.taking():
                step, saved = take_newest(self._project, self._folder)
        except (CPVError, OSError) as error:
            fail(error)
            return True
        if saved is None:
            return False
        try:
            if step is not None:
                self._bring(step)
        except (CPVError, OSError) as error:
            fail(error)
        finally:
            saved.remove()
        return True

    def _bring(self, step: RunStep) -> None:
        if step_upload.upload_step(self._project, self._folder, step):
            say(f"run {self._folder.name}: step {step.step} is on the remote")
        retention.apply(self._project, self._folder)

    def _retry(self, *, force: bool = False) -> None:
        try:
            step_upload.retry(self._project, self._folder, force=force)
        except (CPVError, OSError) as error:
            fail(error)

    def _end(self) -> None:
        self._retry(force=True)
        if not self._folder.read(ENDED).get("finished"):
            return
        repo, name = self._project.repo, self._folder.name
        try:
            steps = run_refs.steps_of_run(repo, name)
            if steps:
                run_refs.write_step_ref(repo, name, run_refs.FINISHED, steps[-1].commit)
        except CPVError as error:
            fail(error)


def take_newest(project: Project, folder: RunFolder) -> tuple[RunStep | None, Saved | None]:
    """Take in the newest checkpoint that is saved, and skip those before it; the lock for that is held.

    The step is None where it could not be taken in, which is said.
    """
    left = folder.left()
    for one in left:
        if one.is_taken:  # a process that was killed was uploading it; the queue has it
            one.remove()
    fresh = [one for one in left if one.path.exists() and not _is_of_many(folder, one)]
    if not fresh:
        return None, None
    claimed = folder.claim(fresh[-1])
    if claimed is None:
        return None, None
    skipped = fresh[:-1]
    if skipped:
        warn(folder.skipped([one.step for one in skipped]))
    for one in skipped:
        one.remove()
    try:
        if run_refs.is_finished(project.repo, folder.name):
            project.repo.run("update-ref", "-d", run_refs.ref_of(folder.name, run_refs.FINISHED))
        step = _patiently(lambda: take_in(project, folder, claimed))
    except (CPVError, OSError) as error:
        warn(f"run {folder.name}: step {claimed.step} is not kept")
        fail(error)
        claimed.remove()
        return None, claimed
    claimed.mark_taken()
    return step, claimed


def _is_of_many(folder: RunFolder, saved: Saved) -> bool:
    """Whether this is what rank 0 alone saved, in a job whose ranks are all gone: it goes, for no step is it."""
    if "world" not in saved.note():
        return False
    warn(f"run {folder.name}: step {saved.step} is not kept: the job ended before all ranks had saved their part")
    saved.remove()
    return True


def _patiently(take: Callable[[], RunStep]) -> RunStep:
    """Do it again where a file changed meanwhile: a program that rotates its own link to it away changes its ctime."""
    for _ in range(_TRIES - 1):
        with suppress(BeingWritten):
            return take()
        time.sleep(_PAUSE)
    return take()


def main(argv: list[str]) -> int:
    """`python -m cpv_hooks.runs.worker ROOT RUN`: the job holds the other end of the standard input."""
    return work(argv[0], lambda project: RunWorker(project, RunFolder.of(project.repo, argv[1])))


def work(root: str, worker: Callable[[Project], RunWorker], rank: int = 0) -> int:
    """Be the background process of a job in a DVC root; returns the exit status."""
    # A scheduler tells every process of a job that time is up; the work here is what the time is for.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        repo = Repo.discover(Path(root))
        project = Project.open(repo, Path(root))
        give_way(project.config.runs_cores, rank)
        worker(project).run()
    except Exception as error:  # noqa: BLE001 - the last resort: one line and a log
        return fail(error)
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
