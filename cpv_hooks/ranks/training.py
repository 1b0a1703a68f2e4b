"""A rank's training process: it begins, and waits until all ranks have met.

It speaks with its own background process alone, by files of the rank's folder; those speak with each other. Only the
standard library and what hooks import is imported here.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from cpv_hooks import state_files
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.config_file import load_config
from cpv_hooks.project.roots import root_here
from cpv_hooks.ranks.rank_place import ATTEMPT, RankPlace
from cpv_hooks.runs import run_refs
from cpv_hooks.runs.background import Background
from cpv_hooks.runs.job import PATIENCE, VARIABLE, RunJob, begin_job, lock_of
from cpv_hooks.runs.run_folder import RunFolder
from cpv_hooks.system.locks import is_held

MET, RESUMED = "met.json", "going-on.json"
AT, ASKED = "at", "asked.json"
REQUEST, AGREED = "request-", "agreed-"  # with the number of the round
SETTLES = (MET, RESUMED, AT, ASKED, f"{REQUEST}*", f"{AGREED}*")
"""What a rank's process and its background process say to each other; of no use to the next job."""
LEADER, FOLLOWER = "cpv_hooks.ranks.leader", "cpv_hooks.ranks.follower"
_POLL = 0.02  # seconds


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
        what = f"another process is already rank {place.rank} of this job"
        raise CPVError(what, where=str(folder.path), fix=f"stop it, or give each start its own {ATTEMPT}")
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
    is_first = place.rank == 0
    others = "not all other ranks have joined" if is_first else "rank 0 has not begun a run that this rank belongs to"
    fix = "use CheckpointRun(sharded=True) on every rank, with the same world_size"
    fix += f" and the same {ATTEMPT}" if not place.attempt else ""
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
    what = "rank 0 has not said which step it resumes from"
    raise CPVError(what, where=str(job.root), fix="call resume on every rank, or on none")


def reached_step(folder: Path) -> int:
    """The step that a rank's process has reached; -1 before the first."""
    try:
        return int(state_files.read_bytes(folder / AT) or b"-1")
    except (OSError, ValueError):
        return -1
