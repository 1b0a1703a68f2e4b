"""A run's folder on this machine, `.git/cpv/runs/RUN`: what the job has saved and the background process takes over.

A checkpoint is written to `saving-…` and appears in `waiting/` by one rename, whole or not at all. Whoever takes it in
moves it to `working/` first. Only the standard library is imported here: the training process is one of the two.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cpv_hooks import state_files
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.atomic_files import make_folder, write_atomic
from cpv_hooks.system.locks import locked, shared

JOB, ENDED, LOST = "job.json", "ended", "lost.json"
"""What a job wants, and its command line; that it has ended; the last step that this rank of several did not save."""
_NOTE, _FILES = "step.json", "files"
_SAVING = "saving-"
_SKIPPED = f"{_SAVING}skipped-"
_CLEARED_EVERY = 0.1  # seconds


def code_name(job: str) -> str:
    """The file that says which code a job started with."""
    return f"code-{job}.json"


@contextmanager
def bringing(repo: Repo) -> Iterator[None]:
    """Bring content into the cache, of which the ref comes last.

    No run frees objects meanwhile: the same content may be what another one, whose steps are dropped, has brought.
    """
    make_folder(repo.shared)
    with shared(repo.shared / state_files.RUNS_LOCK):
        yield


@contextmanager
def freeing(repo: Repo) -> Iterator[None]:
    """Decide what nothing needs, and remove it: while nobody brings content to this work tree, or to any run."""
    make_folder(repo.shared)
    with (
        locked(repo.shared / state_files.RUNS_LOCK, wait=True, say="taking in a checkpoint"),
        locked(repo.state / state_files.LOCK, wait=True, say="syncing this work tree"),
    ):
        yield


class Saved(NamedTuple):
    """A checkpoint that the job has saved and nobody has finished with."""

    path: Path
    sequence: int
    step: int

    @property
    def files(self) -> Path:
        """The folder that the job wrote to."""
        return self.path / _FILES

    @property
    def is_taken(self) -> bool:
        """Whether it is in the cache and has its commit."""
        return not (self.path / _NOTE).exists()

    def note(self) -> dict[str, Any]:
        """What the job said of it: metrics and when."""
        try:
            found = state_files.read_json(self.path / _NOTE)
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def mark_taken(self) -> None:
        """Its commit is there: what was saved may go, and the folder says that its upload is under way."""
        (self.path / _NOTE).unlink(missing_ok=True)
        shutil.rmtree(self.files, ignore_errors=True)

    def remove(self) -> None:
        """Nothing is left to do with it."""
        shutil.rmtree(self.path, ignore_errors=True)


class RunFolder(NamedTuple):
    path: Path
    name: str

    @classmethod
    def of(cls, repo: Repo, name: str) -> RunFolder:
        """The folder, whether it is there or not; all work trees of a repository share it."""
        return cls(repo.shared / state_files.RUNS / name, name)

    @property
    def log(self) -> Path:
        """What the background process has said, for the job to pass on."""
        return self.path / "log"

    @property
    def job_lock(self) -> Path:
        """Held by the job as long as it runs."""
        return self.path / "job.lock"

    # What the job says

    def begin(self, job: Mapping[str, object]) -> None:
        """Note what a job wants; what an earlier one left half-written goes."""
        make_folder(self.path)
        for left in self.path.glob(f"{_SAVING}*"):
            shutil.rmtree(left, ignore_errors=True)
        for name in (ENDED, LOST):
            (self.path / name).unlink(missing_ok=True)
        used = {code_name(str(one.note().get("job"))) for one in self.left() if not one.is_taken}
        for path in self.path.glob(code_name("*")):
            if path.name not in used:
                path.unlink(missing_ok=True)
        self.write(JOB, job)

    def write(self, name: str, value: Mapping[str, object]) -> None:
        """Write one of the folder's notes; that with the job's command line is for its user alone."""
        write_atomic(self.path / name, json.dumps(value).encode(), mode=0o600 if name == JOB else None)

    def read(self, name: str) -> dict[str, Any]:
        """Read one of them; empty where it is not there."""
        try:
            found = state_files.read_json(self.path / name)
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def start_saving(self, step: int) -> Path:
        """A folder to save a step in. Raises `OSError`."""
        temporary = self.path / f"{_SAVING}{step}-{os.urandom(4).hex()}"
        make_folder(temporary / _FILES)
        return temporary / _FILES

    def finish_saving(self, files: Path, step: int, note: Mapping[str, object], spare: int = 0) -> list[int]:
        """What was saved there waits to be taken in, whole, from now on; returns the steps that it takes the place of.

        Those are steps that still wait while an earlier one is being uploaded, but for the newest `spare` of them.
        Raises `OSError`.
        """
        write_atomic(files.parent / _NOTE, json.dumps(note).encode())
        before = self.left()
        waiting = self.path / "waiting"
        make_folder(waiting)
        number = max((one.sequence for one in before), default=0) + 1
        os.replace(files.parent, waiting / f"{number:08d}-{step}")
        is_behind = any(one.path.parent.name == "working" for one in before)
        behind = [one for one in before if is_behind and one.path.parent == waiting]
        return [one.step for one in behind[: len(behind) - spare] if self._skip(one)]

    def skipped(self, steps: Sequence[int]) -> str:
        """What to say of steps that a newer one took the place of."""
        names = f"step{'' if len(steps) == 1 else 's'} {', '.join(map(str, steps))}"
        return f"run {self.name}: saving is faster than uploading, so {names} will not be kept"

    def _skip(self, saved: Saved) -> bool:
        # Its bytes are the background process's to remove: that takes a third of the time in which they were saved.
        try:
            os.rename(saved.path, self.path / f"{_SKIPPED}{os.urandom(4).hex()}")
        except FileNotFoundError:
            return False  # it was taken at this moment
        return True

    def _clear(self) -> None:
        for skipped in self.path.glob(f"{_SKIPPED}*"):
            shutil.rmtree(skipped, ignore_errors=True)

    @contextmanager
    def _clearing(self) -> Iterator[None]:
        """Remove what is skipped meanwhile, however long an upload takes."""
        import threading

        over = threading.Event()

        def clear() -> None:
            while not over.wait(_CLEARED_EVERY):
                self._clear()

        thread = threading.Thread(target=clear, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self._clear()

    def give_up(self, files: Path) -> None:
        """What was saved there is of no use."""
        shutil.rmtree(files.parent, ignore_errors=True)

    # What is left to do

    def left(self) -> list[Saved]:
        """What waits or is being worked on, oldest first."""
        found = []
        for folder in ("working", "waiting"):
            with suppress(FileNotFoundError):
                for name in os.listdir(self.path / folder):
                    sequence, _, step = name.partition("-")
                    if sequence.isdigit() and step.isdigit():
                        found.append(Saved(self.path / folder / name, int(sequence), int(step)))
        return sorted(found, key=lambda one: one.sequence)

    def claim(self, saved: Saved) -> Saved | None:
        """Take it over; None where it is gone."""
        working = self.path / "working"
        make_folder(working)
        target = working / saved.path.name
        try:
            os.rename(saved.path, target)
        except FileNotFoundError:
            return None
        return Saved(target, saved.sequence, saved.step)

    @contextmanager
    def taking(self) -> Iterator[None]:
        """Be the only one who takes checkpoints in."""
        with locked(self.path / "take.lock", wait=True, say="taking in a checkpoint"):
            yield

    @contextmanager
    def working(self) -> Iterator[None]:
        """Be the run's background process; waits for the one of a job that was killed, however long that uploads."""
        from cpv_hooks.system.locks import Busy

        while True:
            with suppress(Busy):
                with (
                    locked(self.path / "worker.lock", wait=True, say="uploading the checkpoints of this run"),
                    self._clearing(),
                ):
                    yield
                return
