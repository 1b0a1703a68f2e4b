"""What waits to be uploaded, and who uploads it now: the work of the background workers, seen from outside."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from cpv_hooks import state_files
from cpv_hooks.console.times import iso_time
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.project import root_key
from cpv_hooks.system.locks import is_held
from cpv_hooks.transfer.objects.upload_queue import Pending, Queue

_POLL = 0.1  # seconds
SAY_EVERY = 10.0
"""Seconds between two lines while a worker is waited for; there is a line too whenever a commit is done."""


class UploadWorker(NamedTuple):
    """A background worker that is at work: on which DVC root (see `queue.root_key`), and since when (epoch seconds)."""

    root: str
    process: int
    since: float


class Uploads(NamedTuple):
    """How it stands: what waits, oldest first, and the workers."""

    waiting: tuple[Pending, ...]
    workers: tuple[UploadWorker, ...]

    @classmethod
    def read(cls, repo: Repo) -> Uploads:
        """Only looks, at this machine."""
        # The workers first: what one of them finishes meanwhile is then not said to wait for nobody.
        workers = tuple(_workers(repo))
        return cls(tuple(Queue.of(repo).pending()), workers)

    def is_under_way(self, item: Pending) -> bool:
        """Whether a worker has this commit in hand now: it takes the oldest of its root first."""
        own = [other for other in self.waiting if other.root == item.root]
        first = next((other for other in own if other.tried is None), own[0])
        return item == first and any(worker.root == item.root for worker in self.workers)

    @property
    def last_error(self) -> str | None:
        """Why the last attempt that failed did."""
        tried = [item for item in self.waiting if item.error is not None]
        return max(tried, key=lambda item: item.tried or 0).error if tried else None

    def as_dict(self) -> dict[str, object]:
        """For programs; times are ISO 8601, UTC."""
        return {
            "waiting": [
                {
                    "root": item.root,
                    "commit": item.commit,
                    "why": item.why,
                    "since": iso_time(item.since),
                    "uploading": self.is_under_way(item),
                    "tried": None if item.tried is None else iso_time(item.tried),
                    "error": item.error,
                }
                for item in self.waiting
            ],
            "workers": [
                {"root": worker.root, "process": worker.process, "since": iso_time(worker.since)}
                for worker in self.workers
            ],
            "last_error": self.last_error,
        }

    def lines(self) -> list[str]:
        found = []
        for worker in self.workers:
            where = "" if worker.root == "." else f" for {worker.root}"
            found.append(f"uploading{where} since {_local(worker.since)} (process {worker.process})")
        for item in self.waiting:
            state = "uploading" if self.is_under_way(item) else "waiting"
            error = f": {item.error}" if item.error else ""
            found.append(f"{state}: {item.commit[:10]} ({item.why}) since {_local(item.since)}{error}")
        return found or ["nothing waits to be uploaded"]


def _workers(repo: Repo) -> Iterator[UploadWorker]:
    for path in sorted(repo.shared.glob(f"{state_files.UPLOAD}*{state_files.LOCKED}")):
        if is_held(path):
            try:
                note = state_files.read_json(path)
                yield UploadWorker(str(note["root"]), int(note["process"]), float(note["since"]))
            except (OSError, ValueError, KeyError, TypeError):
                continue  # it has the lock, and is about to write who it is


def wait(repo: Repo) -> Uploads:
    """Return once no worker is at work; tells how far it is. What nobody has tried yet gets a worker first.

    A worker that is killed meanwhile ends the waiting too: what it left is in the result.
    """
    started = _start_missing(repo)
    said, shown = time.monotonic(), -1
    while True:
        found = Uploads.read(repo)
        started = [process for process in started if os.waitpid(process, os.WNOHANG)[0] != process]
        if not found.workers and not started:
            return Uploads.read(repo)
        if shown not in (-1, len(found.waiting)) or time.monotonic() - said > SAY_EVERY:
            said = time.monotonic()
            _say_left(found)
        shown = len(found.waiting)
        time.sleep(_POLL)


def _start_missing(repo: Repo) -> list[int]:
    """Start a worker for each DVC root that uploads in the background and has something new; returns their ids."""
    from cpv_hooks.project.project import Project
    from cpv_hooks.transfer.commits.upload_locks import start_worker

    fresh = {item.root for item in Queue.of(repo).pending() if item.tried is None}
    projects = [project for project in Project.find_all(repo) if root_key(project) in fresh]
    return [start_worker(project) for project in projects if project.config.push_when == "background"]


def _say_left(found: Uploads) -> None:
    from cpv_hooks.console.output import counted, say

    say(f"uploading in the background: {counted(len(found.waiting), 'commit')} left")


def _local(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))
