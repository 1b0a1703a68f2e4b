"""The step at which all ranks of a job do the same, as a rank's training process sees it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.console.output import warn
from cpv_hooks.ranks.training import AGREED, ASKED, AT, MET, REQUEST
from cpv_hooks.runs.end_signals import EndSignals
from cpv_hooks.runs.job import PATIENCE
from cpv_hooks.runs.run_folder import RunFolder
from cpv_hooks.system.atomic_files import write_atomic

SAVE = 0
"""What stands for a signal's number where nobody is to end."""
_POLL = 0.02  # seconds
_WIDTH = 20


class StepAgreement:
    """The step at which all ranks do the same: end, where a signal has come to one of them, or save by rank 0's clock.

    Each step is written down before it is asked whether somebody wants that; who wants to, asks first and then looks
    which step each has reached. So either the rank sees that at its next step and waits there, or it is known to be
    further. The last of those steps is the one that is agreed on, and none can have passed it. One such round follows
    the other; they are numbered, because a rank may be slow to hear of one.
    """

    def __init__(self, folder: RunFolder, grace: float, signals: EndSignals, keep_up: Callable[[], object]) -> None:
        """`keep_up` is called while this process waits for the others."""
        self._folder = folder
        self._grace = grace
        self._signals = signals
        self._keep_up = keep_up
        self._file = os.open(folder.path / AT, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._round = 1
        self._asked: tuple[int, int] | None = None
        self._unanswered = 0
        self._agreed: list[tuple[int, int]] = []
        self._is_left = False

    def is_left(self) -> bool:
        """Whether rank 0 has left the job, so that no step is made of what is saved any more; said once."""
        if not self._is_left and (met := self._folder.read(MET)).get("over"):
            self._is_left = True
            warn(f"run {self._folder.name}: rank 0 has left the job, so rank {met['rank']} no longer saves anything")
        return self._is_left

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
        while self._is_called() and self._hears():
            pass
        agreed = max((number for at, number in self._agreed if at <= step), default=None)
        self._agreed = [(at, number) for at, number in self._agreed if at > step]
        if agreed is None and self._is_left:
            return self._signals.number
        return self._signals.number or agreed if agreed else agreed

    def _ask(self, number: int) -> None:
        if self._asked != (self._round, number):
            write_atomic(self._folder.path / ASKED, json.dumps({"round": self._round, "number": number}).encode())
            self._asked = (self._round, number)

    def _is_called(self) -> bool:
        if self._asked == (self._round, self._signals.number) or self._answer.exists():
            return True
        return self._unanswered != self._round and self._request.exists()

    @property
    def _request(self) -> Path:
        return self._folder.path / f"{REQUEST}{self._round}"

    @property
    def _answer(self) -> Path:
        return self._folder.path / f"{AGREED}{self._round}"

    def _hears(self) -> bool:
        """Wait for what is agreed on; whether there was an answer."""
        began = time.monotonic()
        while True:
            with suppress(OSError, ValueError, KeyError, TypeError):
                found = state_files.read_json(self._answer)
                self._agreed.append((int(found["step"]), int(found["number"])))
                for path in (self._request, self._answer):
                    path.unlink(missing_ok=True)
                self._round += 1
                return True
            if self.is_left():
                return False
            if self._is_too_late(began):
                self._unanswered = self._round
                return False
            self._keep_up()
            time.sleep(_POLL)

    def _is_too_late(self, began: float) -> bool:
        """Whether a save is given up. A rank that ends all the same lets the others wait, so only a signal ends it."""
        now, number = time.monotonic(), self._signals.number
        if number is not None:
            late = now >= self._signals.since + self._grace
        else:
            with suppress(OSError, ValueError):
                number = int(state_files.read_bytes(self._request)) or None
            late = now >= began + (PATIENCE if number is None else self._grace)
        if late and number is not None:
            raise SystemExit(128 + number)
        if late:
            what = f"the other ranks have not agreed on a step to save within {PATIENCE:.0f} seconds"
            warn(f"{what}, so none is saved now")
        return late

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)
