"""How the background processes of a job's ranks find each other, and what they say afterwards.

Each rank says hello with a number of its own, in the repository's Git directory and on the remote. Rank 0 welcomes
those numbers, so that nobody takes what a dead start left behind for an answer; where a rank sees its welcome is where
it is spoken with from then on. Every rank reads what rank 0 says (`state`), and rank 0 reads what each says: no two
clocks are compared.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cpv_hooks import state_files
from cpv_hooks.errors import CPVError
from cpv_hooks.remote.common.notes import FolderNotes

if TYPE_CHECKING:
    from cpv_hooks.project.project import Project
    from cpv_hooks.remote.common.notes import Notes

_WELCOME, _STATE = "welcome", "state"
_NEAR_POLL, _FAR_POLL = 0.05, 1.0  # seconds
_FIRST_POLL, _SHARE = 0.005, 0.1


class Pause:
    """How long to wait between two looks: shortly at first, then a tenth of the time that was waited, up to the usual.

    So what comes soon is heard soon, and who waits long looks no more often than before.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Something is expected from now on."""
        self._since = time.monotonic()

    def seconds(self, usual: float) -> float:
        """The next wait. A look at a remote costs a request, so its pace stays as it is."""
        if usual > _NEAR_POLL:
            return usual
        return min(usual, max(_FIRST_POLL, (time.monotonic() - self._since) * _SHARE))


class RankPlaces:
    """Where the ranks of one start may leave notes: the shared Git directory, and the remote where it can hold some.

    Without a word that is this start's alone (`attempt`) only those who share the Git directory meet: on the remote
    they would meet other jobs.
    """

    def __init__(self, project: Project, start: str, attempt: str) -> None:
        self._project = project
        self._start = start
        self._by_remote = bool(attempt) and project.config.uploads_commits
        self.near: Notes = FolderNotes(project.repo.shared / state_files.RANKS / start / "notes")
        self._far: Notes | None = None

    def all(self) -> list[Notes]:
        """The places that can be reached now, the nearest first."""
        if self._far is None and self._by_remote and self._project.remote_name:
            from cpv_hooks.transfer.objects.open import notes_of, open_remote

            with suppress(CPVError):
                if not self._project.remote_versioned:
                    self._far = notes_of(open_remote(self._project), self._start)
        return [self.near] if self._far is None else [self.near, self._far]


class Leader:
    """Rank 0's side."""

    def __init__(self, places: RankPlaces, world: int, job: str, run: str) -> None:
        self._places = places
        self._world = world
        self._job = job
        self._run = run
        self._lock = threading.Lock()
        self._state: dict[str, Any] = {}
        self.where: dict[int, Notes] = {}

    def is_near(self, rank: int) -> bool:
        """Whether a rank shares this repository."""
        return self.where[rank] is self._places.near

    @property
    def poll(self) -> float:
        """Seconds between two looks."""
        return _NEAR_POLL if all(map(self.is_near, self.where)) else _FAR_POLL

    def meet(self, alive: Callable[[], bool]) -> bool:
        """Wait for all other ranks; False where this rank's own process ends before they come."""
        greeted: dict[str, object] = {}
        far = 0.0
        while len(self.where) < self._world - 1:
            if not alive():
                return False
            places = self._places.all() if time.monotonic() >= far else [self._places.near]
            for notes in places:
                with suppress(CPVError):
                    self._greet(notes, greeted)
            far = time.monotonic() + _FAR_POLL if len(places) > 1 else far
            time.sleep(_NEAR_POLL)
        return True

    def again(self, near: Iterable[int]) -> None:
        """Be the one who met the others before, in a process that is gone; `near` share the repository."""
        places, found = self._places.all(), set(near)
        self.where = {rank: places[0] if rank in found else places[-1] for rank in range(1, self._world)}
        for notes in self._used():
            self._state |= notes.read(self._name(_STATE)) or {}

    def _greet(self, notes: Notes, greeted: dict[str, object]) -> None:
        names = notes.names()
        found: dict[str, object] = {}
        for rank in range(1, self._world):
            if f"here-{rank}" in names and (notes.read(f"here-{rank}") or {}).get("job") == self._job:
                self.where.setdefault(rank, notes)
            elif f"hello-{rank}" in names:
                found[f"{id(notes)}-{rank}"] = (notes.read(f"hello-{rank}") or {}).get("number")
        if any(greeted.get(key) != number for key, number in found.items()):
            greeted |= found
            mine = {
                key.rpartition("-")[2]: number for key, number in greeted.items() if key.startswith(f"{id(notes)}-")
            }
            notes.write(_WELCOME, {"job": self._job, "run": self._run, "numbers": mine})

    @property
    def state(self) -> dict[str, Any]:
        """What was said until now."""
        with self._lock:
            return dict(self._state)

    def say(self, **more: object) -> None:
        """Let all ranks know more."""
        with self._lock:
            self._state |= more
            for notes in self._used():
                notes.write(self._name(_STATE), self._state)

    def _used(self) -> list[Notes]:
        return list({id(notes): notes for notes in self.where.values()}.values())

    def _name(self, name: str) -> str:
        return f"{self._job}.{name}"

    def heard(self) -> dict[str, Notes]:
        """What the ranks have said, by its name."""
        found: dict[str, Notes] = {}
        for notes in self._used():
            for name in notes.names():
                job, _, rest = name.partition(".")
                if job == self._job:
                    found[rest] = notes
        return found

    def read(self, name: str, notes: Notes) -> dict[str, Any] | None:
        """One of these."""
        return notes.read(self._name(name))

    def forget(self, names: Iterable[str]) -> None:
        """Remove what nobody needs to hear any more."""
        gone = [self._name(name) for name in names]
        for notes in self._used():
            with suppress(CPVError):
                notes.remove(gone)

    def leave(self) -> None:
        """Remove all that was said in this job."""
        for notes in self._used():
            with suppress(CPVError):
                notes.remove([name for name in notes.names() if name.startswith(f"{self._job}.")])
                if (notes.read(_WELCOME) or {}).get("job") == self._job:
                    notes.remove([_WELCOME])


class Follower:
    """Another rank's side."""

    def __init__(self, places: RankPlaces, rank: int) -> None:
        self._places = places
        self._rank = rank
        self._number = os.urandom(8).hex()
        self._notes: Notes = places.near
        self.job = self.run = ""

    @property
    def is_near(self) -> bool:
        """Whether rank 0 shares this repository."""
        return self._notes is self._places.near

    @property
    def poll(self) -> float:
        """Seconds between two looks."""
        return _NEAR_POLL if self.is_near else _FAR_POLL

    def meet(self, alive: Callable[[], bool]) -> bool:
        """Wait for rank 0's welcome; False where this rank's own process ends before it comes."""
        greeted: set[int] = set()
        far = 0.0
        while not self.job:
            if not alive():
                return False
            places = self._places.all() if time.monotonic() >= far else [self._places.near]
            for notes in places:
                with suppress(CPVError):
                    if id(notes) not in greeted:
                        notes.write(f"hello-{self._rank}", {"number": self._number})
                        greeted.add(id(notes))
                    if self._is_welcome(notes):
                        break
            far = time.monotonic() + _FAR_POLL if len(places) > 1 else far
            time.sleep(_NEAR_POLL)
        return True

    def again(self, job: str, run: str, *, is_near: bool) -> None:
        """Be the one who met rank 0 before, in a process that is gone."""
        self.job, self.run = job, run
        self._notes = self._places.all()[0 if is_near else -1]

    def _is_welcome(self, notes: Notes) -> bool:
        says = notes.read(_WELCOME) or {}
        if (says.get("numbers") or {}).get(str(self._rank)) != self._number:
            return False
        notes.write(f"here-{self._rank}", {"job": says["job"]})
        self._notes, self.job, self.run = notes, str(says["job"]), str(says["run"])
        return True

    def state(self) -> dict[str, Any]:
        """What rank 0 has said."""
        return self._notes.read(f"{self.job}.{_STATE}") or {}

    def say(self, name: str, value: Mapping[str, object]) -> None:
        """Let rank 0 know something."""
        self._notes.write(f"{self.job}.{name}-{self._rank}", value)

    def leave(self) -> None:
        """Remove what this rank needed to be met."""
        for notes in self._places.all():
            with suppress(CPVError):
                if (notes.read(f"hello-{self._rank}") or {}).get("number") == self._number:
                    notes.remove([f"hello-{self._rank}", f"here-{self._rank}"])
