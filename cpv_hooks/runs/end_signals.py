"""The signals that tell a job to end: noted when they come, looked at by the job at each step."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class EndSignals:
    """A flag that SIGTERM, SIGUSR1 and SIGINT set. A second SIGINT interrupts at once, as Ctrl-C does."""

    def __init__(self) -> None:
        self.number: int | None = None
        """The signal that came first."""
        self.since = 0.0
        """When, on the monotonic clock."""
        self.process = os.getpid()
        self._before: dict[int, Any] = {}

    def watch(self) -> None:
        """From now on, and again where somebody has taken their place since.

        Python lets only the main thread do it; in another one nothing is watched.
        """
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                before = signal.signal(number, self._note)
                self._before.setdefault(number, before)

    def leave(self) -> None:
        """Put back what was there."""
        for number, before in self._before.items():
            with suppress(ValueError):
                signal.signal(number, signal.SIG_DFL if before is None else before)
        self._before.clear()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self.process:
            # A child that the job has forked (a loader of data): it ends as it would without us.
            before = self._before.get(number)
            signal.signal(number, signal.SIG_DFL if before is None else before)
            os.kill(os.getpid(), number)
        elif self.number is None:
            self.number, self.since = number, time.monotonic()
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
