"""What a user sees: lines on the standard error, a progress bar for long work, one line for an error.

Everything goes to the standard error, because a hook's standard output may be read by Git. `CPV_QUIET=1`, or
`"quiet": true` in the personal settings, silences lines and progress; warnings and errors are always printed.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cpv_hooks.config import cpv_home
from cpv_hooks.errors import CPVError
from cpv_hooks.trace import emit

if TYPE_CHECKING:
    from rich.progress import TaskID

EXIT_ERROR, EXIT_BUG, EXIT_INTERRUPTED = 1, 3, 130
# A disk that refuses is the user's to mend, not a bug.
_DISK_FAULTS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO})
BAR_AFTER = 0.3
"""Seconds of work before a bar is drawn on a terminal."""
LINE_AFTER, LINE_EVERY = 2.0, 10.0
"""Seconds of work before the first plain line, and between two, where nobody watches a terminal."""


@dataclass
class _Memo:
    """The problems that were told on behalf of one Git process; its hooks are processes of their own."""

    path: Path
    key: str

    def is_new(self, line: str) -> bool:
        """Whether the line was not told yet; notes it."""
        try:
            known = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            known = []
        if known[:1] == [self.key] and line in known[1:]:
            return False
        kept = known if known[:1] == [self.key] else [self.key]
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text("\n".join([*kept, line]) + "\n", encoding="utf-8", errors="replace")
        return True


_memos: list[_Memo] = []


def tell_once(path: Path, key: str) -> None:
    """From now on keep in `path` which problems were told under `key`, and tell each only once."""
    _memos[:] = [_Memo(path, key)]


def say(line: str) -> None:
    """Print one line, `cpv: …`, unless the user wants quiet."""
    emit("info", line)
    if not is_quiet():
        _print(line)


def warn(line: str) -> None:
    """Print one line that must be seen, quiet or not."""
    emit("warning", line)
    if all(memo.is_new(line) for memo in _memos):
        _print(f"warning: {line}")


def detail(line: str) -> None:
    """Print one step of the work, `cpv: debug: …`, unless the user wants quiet; nobody else hears it."""
    if not is_quiet():
        _print(f"debug: {line}")


def fail(error: BaseException) -> int:
    """Print the one line for an error and return the exit status: 1 expected, 3 a bug of ours, 130 Ctrl-C."""
    emit("error", str(error) if isinstance(error, CPVError) else f"{type(error).__name__}: {error}")
    if isinstance(error, CPVError):
        if all(memo.is_new(str(error)) for memo in _memos):
            _print(str(error))
        return EXIT_ERROR
    if isinstance(error, KeyboardInterrupt):
        _print("interrupted")
        return EXIT_INTERRUPTED
    if isinstance(error, OSError) and error.errno in _DISK_FAULTS:
        from cpv_hooks.cache import fault

        _print(str(fault(error, Path(error.filename or "."))))
        return EXIT_ERROR
    log = _write_log(error)
    text = " ".join(str(error).split())
    details = f"details in {log}" if log else "no log could be written"
    _print(f"bug: {type(error).__name__}: {text} ({details})")
    return EXIT_BUG


def is_quiet() -> bool:
    """Whether the user asked for silence."""
    value = os.environ.get("CPV_QUIET")
    if value is not None:
        return value not in ("", "0", "false")
    return quiet_setting(cpv_home() / "config.json")


@cache
def quiet_setting(path: Path) -> bool:
    """What the personal settings say; read once, and again after `quiet_setting.cache_clear()`."""
    try:
        settings = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(settings, dict) and settings.get("quiet") is True


def printable(text: str) -> str:
    """The text on one line. File names come from repositories: no newline or escape sequence of theirs gets out."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _print(line: str) -> None:
    # It takes a while to load, and most hooks have nothing to say.
    from cpv_hooks.redact import redact

    # Where the terminal is gone there is nobody to tell.
    with suppress(OSError, ValueError):
        sys.stderr.write(f"cpv: {printable(redact(line))}\n")
        sys.stderr.flush()


def _write_log(error: BaseException) -> Path | None:
    """Write the traceback where only the user can read it."""
    import traceback

    from cpv_hooks.redact import redact

    folder = cpv_home() / "logs"
    path = folder / f"bug-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.log"
    text = redact("".join(traceback.format_exception(error)))
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text)
    except OSError:
        return None
    return path


def size_text(count: int) -> str:
    """A number of bytes for people: `512 B`, `1.5 MB`, `2.0 GB` (powers of 1000)."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"


def time_text(seconds: float) -> str:
    """A time for people, to the second: `8 s`, `2 min 5 s`, `3 h 10 min`."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


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
                from cpv_hooks.bars import BARS

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
                _print(self._line(now))

    def _line(self, now: float) -> str:
        rate = self.done / max(now - self._begun, 0.001)
        speed = f"{size_text(int(rate))}/s"
        if not self.total:
            return f"{self.what}: {size_text(self.done)}, {speed}"
        share = min(100, 100 * self.done // self.total)
        left = f", {time_text((self.total - self.done) / rate)} left" if 0 < self.done < self.total else ""
        return f"{self.what}: {share}% ({size_text(self.done)} of {size_text(self.total)}, {speed}{left})"

    def _draw(self, now: float) -> None:
        if self._bar is None and now - self._begun < BAR_AFTER:
            return
        from cpv_hooks.bars import BARS
        from cpv_hooks.redact import redact

        if self._bar is None:
            self._bar = BARS.add(printable(redact(self.what)))
        BARS.update(self._bar, self.done, self.total)
