"""How far a piece of work is: a bar on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from cpv_hooks.console.output import is_quiet, printable, size_text, tells_the_end, time_text, write_line

if TYPE_CHECKING:
    from rich.progress import TaskID

BAR_AFTER = 0.3
"""Seconds of work before a bar is drawn on a terminal."""
LINE_AFTER, LINE_EVERY = 2.0, 10.0
"""Seconds of work before the first plain line, and between two, where nobody watches a terminal."""


class Progress:
    """How far a piece of work is, in bytes: a bar on a terminal, a few plain lines elsewhere if it takes long.

    The total may grow while the work goes on. Threads may share one. `with` may be nested; outside nothing is shown.
    """

    def __init__(self, what: str, total_bytes: int = 0, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.what = what
        self.total = total_bytes
        self.done = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._quiet = is_quiet()
        self._depth = 0
        # A terminal that cannot move its cursor gets lines.
        self._terminal = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._begun = clock()
        self._next_line = self._begun + LINE_AFTER
        self._bar: TaskID | None = None

    def __enter__(self) -> Progress:
        with self._lock:
            self._depth += 1
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._depth -= 1
            if self._bar is not None and not self._depth:
                from cpv_hooks.console.progress_bars import BARS

                BARS.remove(self._bar)
                self._bar = None

    def grow(self, count: int) -> None:
        """Add to the total, in bytes."""
        with self._lock:
            self.total += count

    def advance(self, count: int) -> None:
        """So many bytes more are done."""
        with self._lock:
            self.done += count
            if self._quiet or not self._depth:
                return
            now = self._clock()
            if self._terminal:
                self._draw(now)
            elif now >= self._next_line:
                self._next_line = now + LINE_EVERY
                write_line(self._line(now))

    def _line(self, now: float) -> str:
        seconds = max(now - self._begun, 0.001)
        rate = self.done / seconds
        speed = f"{size_text(int(rate))}/s"
        if not self.total:
            return f"{self.what}: {size_text(self.done)}, {speed}"
        # What grows while it is read has no other end.
        total = max(self.total, self.done)
        share = 100 * self.done // total
        left = f", {time_text((total - self.done) / rate)} left" if tells_the_end(self.done, total, seconds) else ""
        return f"{self.what}: {share}% ({size_text(self.done)} of {size_text(total)}, {speed}{left})"

    def _draw(self, now: float) -> None:
        if self._bar is None and now - self._begun < BAR_AFTER:
            return
        from cpv_hooks.console.progress_bars import BARS
        from cpv_hooks.console.redact import redact

        if self._bar is None:
            self._bar = BARS.add(printable(redact(self.what)))
        BARS.update(self._bar, self.done, max(self.total, self.done) if self.total else 0)
