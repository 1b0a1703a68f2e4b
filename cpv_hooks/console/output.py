"""What a user sees: lines on the standard error, a progress bar for long work, one line for an error.

Everything goes to the standard error, because a hook's standard output may be read by Git. `CPV_QUIET=1`, or
`"quiet": true` in the personal settings, silences lines and progress; warnings and errors are always printed.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.console.trace import emit_trace
from cpv_hooks.errors import DISK_FAULTS, CPVError, disk_error
from cpv_hooks.state_files import cpv_home

EXIT_ERROR, EXIT_BUG, EXIT_INTERRUPTED = 1, 3, 130


class _Memo:
    """The problems that were told on behalf of one Git process; its hooks are processes of their own."""

    def __init__(self, path: Path, key: str, write: Callable[[Path, bytes], object]) -> None:
        self.path = path
        self.key = key
        self.write = write

    def is_new(self, line: str) -> bool:
        """Whether the line was not told yet; notes it."""
        try:
            known = state_files.read_bytes(self.path).decode("utf-8", "replace").splitlines()
        except OSError:
            known = []
        if known[:1] == [self.key] and line in known[1:]:
            return False
        kept = known if known[:1] == [self.key] else [self.key]
        with suppress(OSError):
            self.write(self.path, ("\n".join([*kept, line]) + "\n").encode("utf-8", "replace"))
        return True


_memos: list[_Memo] = []


def tell_once(path: Path, key: str, write: Callable[[Path, bytes], object]) -> None:
    """From now on keep in `path` which problems were told under `key`, and tell each only once."""
    _memos[:] = [_Memo(path, key, write)]


def say(line: str) -> None:
    """Print one line, `cpv: …`, unless the user wants quiet."""
    emit_trace("info", line)
    if not is_quiet():
        write_line(line)


def warn(line: str) -> None:
    """Print one line that must be seen, quiet or not."""
    emit_trace("warning", line)
    if all(memo.is_new(line) for memo in _memos):
        write_line(f"warning: {line}")


def detail(line: str) -> None:
    """Print one step of the work, `cpv: debug: …`, unless the user wants quiet; nobody else hears it."""
    if not is_quiet():
        write_line(f"debug: {line}")


def fail(error: BaseException) -> int:
    """Print the one line for an error and return the exit status: 1 expected, 3 a bug of ours, 130 Ctrl-C."""
    emit_trace("error", str(error) if isinstance(error, CPVError) else f"{type(error).__name__}: {error}")
    if isinstance(error, CPVError):
        if all(memo.is_new(str(error)) for memo in _memos):
            write_line(str(error))
        return EXIT_ERROR
    if isinstance(error, KeyboardInterrupt):
        write_line("interrupted")
        return EXIT_INTERRUPTED
    if isinstance(error, OSError) and error.errno in DISK_FAULTS:
        write_line(str(disk_error(error, Path(error.filename or "."))))
        return EXIT_ERROR
    log = _write_log(error)
    text = " ".join(str(error).split())
    details = f"details in {log}" if log else "no log could be written"
    write_line(f"bug: {type(error).__name__}: {text} ({details})")
    return EXIT_BUG


def is_quiet() -> bool:
    """Whether the user asked for silence."""
    value = os.environ.get("CPV_QUIET")
    if value is not None:
        return value not in ("", "0", "false")
    return quiet_setting(cpv_home() / state_files.CONFIG)


@cache
def quiet_setting(path: Path) -> bool:
    """What the personal settings say; read once, and again after `quiet_setting.cache_clear()`."""
    try:
        settings = state_files.read_json(path)
    except (OSError, ValueError):
        return False
    return isinstance(settings, dict) and settings.get("quiet") is True


def printable(text: str) -> str:
    """The text on one line. File names come from repositories: no newline or escape sequence of theirs gets out."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def few(names: Sequence[str], shown: int = 3) -> str:
    """The first of these names, and how many more there are."""
    return ", ".join(names[:shown]) + (f" and {len(names) - shown} more" if len(names) > shown else "")


def counted(count: int, what: str) -> str:
    """`1 file`, `20 files`."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def write_line(line: str) -> None:
    """Print one line, whatever the user wants, without its secrets."""
    # It takes a while to load, and most hooks have nothing to say.
    from cpv_hooks.console.redact import redact

    # Where the terminal is gone there is nobody to tell.
    with suppress(OSError, ValueError):
        sys.stderr.write(f"cpv: {printable(redact(line))}\n")
        sys.stderr.flush()


def _write_log(error: BaseException) -> Path | None:
    import traceback

    from cpv_hooks.console.redact import redact

    folder = cpv_home() / state_files.LOGS
    path = folder / f"bug-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.log"
    text = redact("".join(traceback.format_exception(error)))
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
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


_SURE_SHARE, _SURE_AFTER = 0.01, 30.0
"""From which share of the work, or after how many seconds, its speed tells when it will end."""


def tells_the_end(done: int, total: int, seconds: float) -> bool:
    """Whether enough is done to say how long the rest will take: the first bytes of a large file say hours."""
    return 0 < done < total and (done >= total * _SURE_SHARE or seconds >= _SURE_AFTER)
