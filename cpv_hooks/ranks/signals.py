"""A rank's background process, where it is about the step at which all stop (see `training.StopTogether`)."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpv_hooks.errors import CPVError
from cpv_hooks.ranks.training import ASKED, REQUEST, STOP, reached_step
from cpv_hooks.system.atomic_files import write_atomic

if TYPE_CHECKING:
    from cpv_hooks.ranks.meeting import Follower, Leader
    from cpv_hooks.runs.run_folder import RunFolder

_ASK, _PLEDGE = "ask", "pledge"
_BEAT = 5.0  # seconds


class Listener:
    """Does something again and again beside the background process's work; what fails is tried again."""

    def __init__(self, look: Callable[[], None], pause: float) -> None:
        self._look = look
        self._pause = pause
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(self._pause):
            with suppress(CPVError, OSError):
                self._look()

    def end(self) -> None:
        """Look once more, then no more."""
        self._over.set()
        self._thread.join()
        with suppress(CPVError, OSError):
            self._look()


class Beat:
    """A sign of life that is due four times in the time for which others wait for one."""

    def __init__(self, patience: float) -> None:
        self._every = min(patience / 4, _BEAT)
        self._next = 0.0

    def is_due(self) -> bool:
        """Whether it is time; it is given then."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._every
        return True


def asked(folder: RunFolder) -> int | None:
    """The signal by which this rank's process wants to stop."""
    number = folder.read(ASKED).get("number")
    return number if isinstance(number, int) else None


def pledge(folder: RunFolder) -> int:
    """Let this rank's process wait at its next step; the step before which it cannot be waiting."""
    (folder.path / REQUEST).touch()
    return reached_step(folder.path) + 1


class FollowerStop:
    """What another rank than 0 has to say and to hear of it."""

    def __init__(self, folder: RunFolder, leader: Follower) -> None:
        self._folder = folder
        self._leader = leader
        self._said: set[str] = set()

    def look(self, state: Mapping[str, Any]) -> None:
        """Say and hear what there is."""
        number = asked(self._folder)
        if number is not None and _ASK not in self._said:
            self._leader.say(_ASK, {"number": number})
            self._said.add(_ASK)
        if "asked" in state and _PLEDGE not in self._said:
            self.pledge()
        _hear(self._folder.path, state)

    def pledge(self) -> None:
        """Say from which step on this rank waits."""
        self._leader.say(_PLEDGE, {"step": pledge(self._folder)})
        self._said.add(_PLEDGE)


class LeaderStop:
    """What rank 0 has to do for it: pass on that somebody asks, and find the last of all steps."""

    def __init__(self, folder: RunFolder, leader: Leader, world: int) -> None:
        self._folder = folder
        self._leader = leader
        self._world = world
        self._mine: int | None = None

    def look(self) -> None:
        """Do what there is to do."""
        state = self._leader.state
        if "stop" in state:
            _hear(self._folder.path, state)
            return
        heard = self._leader.heard()
        if "asked" not in state:
            number = asked(self._folder)
            for name in sorted(name for name in heard if name.startswith(f"{_ASK}-")):
                number = number or (self._leader.read(name, heard[name]) or {}).get("number")
            if number is None:
                return
            self._leader.say(asked=int(number))
        if self._mine is None:
            self._mine = pledge(self._folder)
        steps = [self._mine]
        for rank in range(1, self._world):
            name = f"{_PLEDGE}-{rank}"
            says = self._leader.read(name, heard[name]) if name in heard else None
            if says is None:
                return
            steps.append(int(says["step"]))
        self._leader.say(stop={"step": max(steps), "number": self._leader.state["asked"]})
        _hear(self._folder.path, self._leader.state)


def _hear(folder: Path, state: Mapping[str, Any]) -> None:
    if "stop" in state and not (folder / STOP).exists():
        write_atomic(folder / STOP, json.dumps(state["stop"]).encode())
