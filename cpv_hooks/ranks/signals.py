"""A rank's background process, where it is about a step that all agree on (see `StepAgreement`)."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cpv_hooks.console.output import warn
from cpv_hooks.errors import CPVError
from cpv_hooks.ranks.training import AGREED, ASKED, REQUEST, reached_step
from cpv_hooks.system.atomic_files import write_atomic

if TYPE_CHECKING:
    from cpv_hooks.ranks.meeting import Follower, Leader
    from cpv_hooks.remote.common.notes import Notes
    from cpv_hooks.runs.run_folder import RunFolder

_ASK, _PLEDGE = "ask", "pledge"
_BEAT, _SILENCE = 5.0, 10.0  # seconds


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


def silence(patience: float) -> float:
    """Seconds without a sign of life after which a rank counts as gone; a busy machine may be slow to give one."""
    return max(patience, _SILENCE)


class Silence:
    """Whether a rank has given no sign of life for too long."""

    def __init__(self, patience: float) -> None:
        self._limit = silence(patience)
        self._sign: object = None
        self._since = time.monotonic()

    def of(self, sign: object) -> bool:
        """Note the sign that there is now; each has another value than the one before."""
        if sign != self._sign:
            self._sign, self._since = sign, time.monotonic()
        return time.monotonic() > self._since + self._limit


def pledge(folder: RunFolder, asked: Mapping[str, Any]) -> int:
    """Let this rank's process wait at its next step; the step before which it cannot be waiting."""
    write_atomic(folder.path / f"{REQUEST}{asked['round']}", str(asked["number"]).encode())
    return reached_step(folder.path) + 1


def hear(folder: RunFolder, agreed: Mapping[str, Any]) -> None:
    """Let this rank's process know what was agreed on."""
    write_atomic(folder.path / f"{AGREED}{agreed['round']}", json.dumps(agreed).encode())


class FollowerAgreement:
    """What another rank than 0 has to say and to hear of it."""

    def __init__(self, folder: RunFolder, leader: Follower) -> None:
        self._folder = folder
        self._leader = leader
        self._asked: Mapping[str, Any] = {}
        self._pledged = self._heard = 0
        self._has_left = False

    def look(self, state: Mapping[str, Any]) -> None:
        """Say and hear what there is."""
        wish = self._folder.read(ASKED)
        if wish and wish != self._asked:
            self._leader.say(_ASK, wish)
            self._asked = wish
        agreed, asked = state.get("agreed"), state.get("asked")
        if agreed and agreed["round"] > self._heard:
            hear(self._folder, agreed)
            self._heard = int(agreed["round"])
        if asked and asked["round"] > max(self._pledged, self._heard) and not self._has_left:
            self._leader.say(_PLEDGE, {"round": asked["round"], "step": pledge(self._folder, asked)})
            self._pledged = int(asked["round"])

    def give_up(self, state: Mapping[str, Any]) -> None:
        """Let this rank's process go on where it waits for an agreement, for there is no rank 0 to find one."""
        asked = state.get("asked")
        if asked and self._pledged == asked["round"] > self._heard:
            hear(self._folder, {**asked, "step": 0})
            self._heard = self._pledged

    def leave(self) -> None:
        """Say that this rank waits nowhere any more."""
        self._leader.say(_PLEDGE, {"round": None, "step": reached_step(self._folder.path) + 1})
        self._has_left = True


class LeaderAgreement:
    """What rank 0 has to do for it: pass on that somebody asks, and find the last of all steps."""

    def __init__(self, folder: RunFolder, leader: Leader, world: int, patience: float) -> None:
        self._folder = folder
        self._leader = leader
        self._world = world
        self._patience = patience
        self._asked_at = time.monotonic()
        self._mine = 0, 0
        self._gone: set[int] = set()
        self._heard = 0

    def look(self) -> None:
        state = self._leader.state
        before, asked = state.get("agreed"), state.get("asked")
        if before and before["round"] > self._heard:
            hear(self._folder, before)
            self._heard = int(before["round"])
        number = self._heard + 1
        heard = self._leader.heard()
        wishes = self._wishes(number, heard)
        if not asked or asked["round"] != number:
            if not wishes:
                return
            asked = {"round": number, "number": max(wishes)}
            self._leader.say(asked=asked)
            self._asked_at = time.monotonic()
        if self._mine[0] != number:
            self._mine = number, pledge(self._folder, asked)
        steps = [self._mine[1]]
        for rank in range(1, self._world):
            name = f"{_PLEDGE}-{rank}"
            says = self._leader.read(name, heard[name]) if name in heard else None
            if says is not None and says["round"] in (number, None):
                steps.append(int(says["step"]))
            elif time.monotonic() < self._asked_at + silence(self._patience):
                return
            elif rank not in self._gone:
                self._gone.add(rank)
                warn(f"run {self._folder.name}: rank {rank} does not answer, so the others agree on a step without it")
        agreed = {"round": number, "step": max(steps), "number": max([asked["number"], *wishes])}
        self._leader.say(agreed=agreed)
        hear(self._folder, agreed)
        self._heard = number

    def _wishes(self, number: int, heard: Mapping[str, Notes]) -> list[int]:
        """What the ranks ask for in this round: signals, or `SAVE`."""
        says = [self._folder.read(ASKED)]
        says += [self._leader.read(name, notes) or {} for name, notes in heard.items() if name.startswith(f"{_ASK}-")]
        return [int(one["number"]) for one in says if one.get("round") == number]
