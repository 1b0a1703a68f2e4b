"""A rank's training process: it begins, waits until all ranks have met, and agrees with them on steps.

It speaks with its own background process alone, by files of the rank's folder; those speak with each other. Only the
standard library and what hooks import is imported here.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from cpv_hooks import state_files
from cpv_hooks.console.output import warn
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.config_file import load_config
from cpv_hooks.project.roots import root_here
from cpv_hooks.ranks.rank_place import ATTEMPT, RankPlace
from cpv_hooks.runs import run_refs
from cpv_hooks.runs.background import Background
from cpv_hooks.runs.end_signals import EndSignals
from cpv_hooks.runs.job import PATIENCE, VARIABLE, RunJob, begin_job, lock_of
from cpv_hooks.runs.run_folder import RunFolder
from cpv_hooks.system.atomic_files import write_atomic
from cpv_hooks.system.locks import is_held

MET, RESUMED = "met.json", "going-on.json"
AT, ASKED = "at", "asked.json"
REQUEST, AGREED = "request-", "agreed-"  # with the number of the round
SETTLES = (MET, RESUMED, AT, ASKED, f"{REQUEST}*", f"{AGREED}*")
"""What a rank's process and its background process say to each other; of no use to the next job."""
LEADER, FOLLOWER = "cpv_hooks.ranks.leader", "cpv_hooks.ranks.follower"
_POLL = 0.02  # seconds
_WIDTH = 20
SAVE = 0
"""What stands for a signal's number where nobody is to end."""


def begin_rank(where: Path, asked: str | None, wishes: Mapping[str, object], place: RankPlace) -> RunJob:
    """Begin the part of a sharded job that this rank has. Raises `CPVError`."""
    start = start_name(place, asked)
    says = {**wishes, "rank": place.rank, "world": place.world, "start": start, "attempt": place.attempt}
    if place.rank == 0:
        job = begin_job(where, asked, says, place.attempt)
        _forget(job.folder)
        return job
    repo = Repo.discover(where.resolve())
    root = root_here(repo, where)
    load_config(root)
    folder = RunFolder(repo.shared / state_files.RANKS / start / str(place.rank), asked or "run")
    lock = lock_of(folder)
    if lock is None:
        what = f"another process is rank {place.rank} of this job"
        raise CPVError(what, where=str(folder.path), fix=f"stop it, or give each start a {ATTEMPT} of its own")
    job = RunJob(root, folder, lock, os.urandom(4).hex())
    _clear(repo.shared / state_files.RANKS, start)
    _forget(folder)
    folder.begin({**says, "job": job.id, "process": os.getpid(), "host": socket.gethostname()})
    return job


def background_of(job: RunJob, place: RankPlace) -> Background:
    """The background process of this rank, not started yet."""
    if place.rank == 0:
        return Background(job.root, job.folder, job.lock, LEADER)
    return Background(job.root, job.folder, job.lock, FOLLOWER, str(job.folder.path))


def start_name(place: RankPlace, asked: str | None) -> str:
    """The name of the folder in which the ranks of one start meet."""
    name = asked if asked is not None else os.environ.get(VARIABLE, "")
    if name:
        run_refs.check_run_name(name)
    text = "\0".join((place.attempt, name, str(place.world)))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _clear(folder: Path, start: str) -> None:
    """Remove what killed jobs of other starts left."""
    with suppress(OSError):
        for other in [path for path in folder.iterdir() if path.name != start]:
            if not any(map(is_held, other.glob("*/*.lock"))):
                shutil.rmtree(other, ignore_errors=True)


def leave(job: RunJob, place: RankPlace) -> None:
    """Remove the rank's own folder, with which nobody is at work any more."""
    if place.rank:
        shutil.rmtree(job.folder.path, ignore_errors=True)
        with suppress(OSError):
            (job.folder.path.parent / "notes").rmdir()
            job.folder.path.parent.rmdir()


def _forget(folder: RunFolder) -> None:
    for path in [path for name in SETTLES for path in folder.path.glob(name)]:
        path.unlink(missing_ok=True)


def wait_for_all(job: RunJob, background: Background, place: RankPlace) -> RunJob:
    """The job once all ranks have met, with the name of its run. Raises `CPVError` where they do not."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        has_ended = background.has_ended()  # asked first: what it has said before that is there now
        says = job.folder.read(MET)
        if "error" in says:
            break
        if says.get("rank") == place.rank:
            return replace(job, folder=job.folder._replace(name=str(says["run"])), id=str(says["job"]))
        if has_ended:
            break
        background.tell()
        time.sleep(_POLL)
    background.tell()
    others = "not all other ranks have come" if place.rank == 0 else "rank 0 has begun no run that this one is part of"
    fix = "use CheckpointRun(sharded=True) on every rank, with one world_size"
    fix += f" and one {ATTEMPT}" if not place.attempt else ""
    raise CPVError(f"{others} (this is rank {place.rank} of {place.world})", where=str(job.root), fix=fix)


def going_on(job: RunJob, background: Background) -> dict[str, Any] | None:
    """What rank 0 goes on from; waits until it has said so. Raises `CPVError` where it does not."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        has_ended = background.has_ended()
        says = job.folder.read(RESUMED)
        if says:
            found = says.get("from")
            return found if isinstance(found, dict) else None
        if has_ended:
            break
        time.sleep(_POLL)
    what = "rank 0 has not said which step it goes on from"
    raise CPVError(what, where=str(job.root), fix="call resume on every rank, or on none")


class StepAgreement:
    """The step at which all ranks do the same: end, where a signal has come to one of them, or save by rank 0's clock.

    Each step is written down before it is asked whether somebody wants that; who wants to, asks first and then looks
    which step each has reached. So either the rank sees that at its next step and waits there, or it is known to be
    further. The last of those steps is the one that is agreed on, and none can have passed it. One such round follows
    the other; they are numbered, because a rank may be slow to hear of one.
    """

    def __init__(self, folder: Path, grace: float, signals: EndSignals, keep_up: Callable[[], object]) -> None:
        """`keep_up` is called while this process waits for the others."""
        self._folder = folder
        self._grace = grace
        self._signals = signals
        self._keep_up = keep_up
        self._file = os.open(folder / AT, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._round = 1
        self._asked: tuple[int, int] | None = None
        self._unanswered = 0
        self._agreed: list[tuple[int, int]] = []

    def reached(self, step: int, *, is_time: bool) -> int | None:
        """Note that a step is reached; what is agreed on for it: `SAVE`, the signal by which the job ends, or None.

        `is_time` asks for a save. Waits for the other ranks where one of them has asked, and raises `SystemExit` where
        they do not agree within the grace after a signal.
        """
        os.pwrite(self._file, b"%*d" % (_WIDTH, step), 0)
        number = self._signals.number
        if number is not None:
            self._ask(number)
        elif is_time and not self._agreed:
            self._ask(SAVE)
        while self._is_called():
            self._wait()
        agreed = max((number for at, number in self._agreed if at <= step), default=None)
        self._agreed = [(at, number) for at, number in self._agreed if at > step]
        return self._signals.number or agreed if agreed else agreed

    def _ask(self, number: int) -> None:
        if self._asked != (self._round, number):
            write_atomic(self._folder / ASKED, json.dumps({"round": self._round, "number": number}).encode())
            self._asked = (self._round, number)

    def _is_called(self) -> bool:
        if self._asked == (self._round, self._signals.number) or self._answer.exists():
            return True
        return self._unanswered != self._round and self._request.exists()

    @property
    def _request(self) -> Path:
        return self._folder / f"{REQUEST}{self._round}"

    @property
    def _answer(self) -> Path:
        return self._folder / f"{AGREED}{self._round}"

    def _wait(self) -> None:
        began = time.monotonic()
        while True:
            with suppress(OSError, ValueError, KeyError, TypeError):
                found = json.loads(self._answer.read_bytes())
                self._agreed.append((int(found["step"]), int(found["number"])))
                for path in (self._request, self._answer):
                    path.unlink(missing_ok=True)
                self._round += 1
                return
            if self._is_too_late(began):
                self._unanswered = self._round
                return
            self._keep_up()
            time.sleep(_POLL)

    def _is_too_late(self, began: float) -> bool:
        """Whether a save is given up. A rank that ends all the same lets the others wait, so only a signal ends it."""
        now, number = time.monotonic(), self._signals.number
        if number is not None:
            late = now >= self._signals.since + self._grace
        else:
            with suppress(OSError, ValueError):
                number = int(self._request.read_bytes()) or None
            late = now >= began + (PATIENCE if number is None else self._grace)
        if late and number is not None:
            raise SystemExit(128 + number)
        if late:
            warn(f"the other ranks have not agreed for {PATIENCE:.0f} seconds on a step to save, so none is saved now")
        return late

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


def reached_step(folder: Path) -> int:
    """The step that a rank's process has reached; -1 before the first."""
    try:
        return int((folder / AT).read_bytes() or b"-1")
    except (OSError, ValueError):
        return -1
