"""The logs of operations: one file each in `~/.cpv/logs/`, for the user alone, without secrets, the newest kept.

A line is a time (UTC), a level and a text. A log that cannot be written is one warning and stops nothing.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from cpv_hooks import state_files
from cpv_hooks.accounts.personal import log_rotation
from cpv_hooks.accounts.personal.private_folder import FILE_MODE, private_folder
from cpv_hooks.console import output
from cpv_hooks.console.redact import redact
from cpv_hooks.console.trace import Level, listening
from cpv_hooks.errors import CPVError, shell_path
from cpv_hooks.state_files import cpv_home

_PathLike = str | os.PathLike[str]


class OperationLog:
    """The log of one operation; any thread may write. `path` is None where it could not be made."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self._streams: list[tuple[Path, TextIO]] = []
        self._lock = threading.Lock()

    def write(self, level: Level, text: str) -> None:
        """Add a line; what could end it or drive a terminal is escaped, and secrets are masked."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._add(f"{now} {level:<7} {output.printable(redact(text))}\n")

    def write_block(self, text: str) -> None:
        """Add lines as they stand, indented; secrets are masked."""
        self._add("".join(f"    {output.printable(line)}\n" for line in redact(text).splitlines()))

    def _add(self, text: str) -> None:
        failed: list[OSError] = []
        with self._lock:
            for path, stream in tuple(self._streams):
                try:
                    stream.write(text)
                    stream.flush()
                except OSError as error:
                    self._streams.remove((path, stream))
                    _abandon(stream)
                    failed.append(_at(error, path))
        # Outside the lock, because the warning is written into the logs that are left.
        for reason in failed:
            _warn(reason)

    def _open(self, path: Path, stream: TextIO) -> None:
        self._streams.append((path, stream))

    def _close(self) -> None:
        while self._streams:
            path, stream = self._streams.pop()
            try:
                stream.close()
            except OSError as error:
                _abandon(stream)
                _warn(_at(error, path))


@contextmanager
def operation(
    name: str,
    log_file: _PathLike | None = None,
    verbose: bool = False,
    *,
    arguments: Mapping[str, object] | None = None,
) -> Iterator[OperationLog]:
    """Keep a log of what is done in this block: arguments, messages, Git calls, requests, outcome, duration, traceback.

    `log_file` gets the same lines at its end. `verbose` also prints the steps. Raises `CPVError` before anything starts
    where `log_file` cannot be written.
    """
    log = OperationLog()
    with ExitStack() as stack:
        stack.callback(log._close)
        if log_file is not None:
            path = Path(os.path.abspath(os.path.expanduser(log_file)))
            log._open(path, _append(path))
        _open_own(log, name)
        stack.enter_context(listening(log.write))
        if verbose:
            stack.enter_context(_printing())
        _begin(log, name, arguments or {})
        yield from _told(log, name)


def _begin(log: OperationLog, name: str, arguments: Mapping[str, object]) -> None:
    log.write("info", f"{name}: begins in {_folder()} (process {os.getpid()})")
    log.write("debug", f"command: {shlex.join(sys.argv)}")
    for key, value in arguments.items():
        # As an assignment, so that a secret is known by its name.
        log.write("debug", f"argument: {key}={value!r}")


def _told(log: OperationLog, name: str) -> Iterator[OperationLog]:
    """Let the operation run, and write how it ended."""
    begun = time.monotonic()
    try:
        yield log
    except BaseException as error:
        import traceback

        what = "interrupted" if isinstance(error, KeyboardInterrupt) else f"failed: {type(error).__name__}: {error}"
        log.write("error", f"{name}: {what} (after {time.monotonic() - begun:.3f} s)")
        log.write_block("".join(traceback.format_exception(error)))
        raise
    log.write("info", f"{name}: done (after {time.monotonic() - begun:.3f} s)")


def _folder() -> str:
    try:
        return str(Path.cwd())
    except OSError:
        return "a folder that is gone"


def _open_own(log: OperationLog, name: str) -> None:
    try:
        folder = private_folder(private_folder(cpv_home()) / state_files.LOGS)
        while log.path is None:
            path = folder / _file_name(name)
            stream = _stream(path, os.O_EXCL)
            if log_rotation.hold(stream.fileno(), path):
                log.path = path
                log._open(path, stream)
            else:
                stream.close()
        log_rotation.rotate(folder, _keep())
    except OSError as error:
        _warn(_at(error, log.path or cpv_home()))
        log.path = None


def _file_name(name: str) -> str:
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    return f"{now}-{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')[:60]}-{os.getpid()}.log"


def _keep() -> int:
    if not _says_what_logs_need():
        return log_rotation.KEPT
    from cpv_hooks.accounts.personal import personal_settings, schema

    try:
        return personal_settings.load_settings().logs.keep
    except CPVError:
        # Whoever needs the settings will say what is wrong with them.
        return schema.Logs().keep


def _says_what_logs_need() -> bool:
    """Whether the settings may say how many logs are kept, or a webhook, whose address no log may show.

    They are read by pydantic, whose start takes longer than a short command.
    """
    try:
        data = state_files.read_bytes(cpv_home() / state_files.CONFIG)
    except OSError:
        return False
    return any(word in data for word in (b'"logs"', b'"notify"', b"\\u", b"\0"))


def _append(path: Path) -> TextIO:
    try:
        return _stream(path, 0)
    except FileNotFoundError as error:
        fix = f"mkdir -p {shell_path(path.parent)}"
        raise CPVError("the log's folder does not exist", where=str(path), fix=fix) from error
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or str(error)
        raise CPVError(f"the log cannot be written: {what}", where=str(path), fix="name another log file") from error


def _stream(path: Path, flag: int) -> TextIO:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | flag, FILE_MODE)
    return os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace")


def _abandon(stream: TextIO) -> None:
    """Close a file whose last lines cannot be written."""
    with suppress(OSError):
        stream.close()


def _at(error: OSError, path: Path) -> OSError:
    return OSError(error.errno, error.strerror or str(error), error.filename or str(path))


def _warn(error: OSError) -> None:
    output.warn(f"{error.filename}: the log cannot be written ({error.strerror}); the work goes on")


_printers: list[int] = []


@contextmanager
def _printing() -> Iterator[None]:
    """Print the steps; of operations inside one another, the outermost does."""
    mine = not _printers
    _printers.append(threading.get_ident())
    try:
        if mine:
            with listening(_print_step):
                yield
        else:
            yield
    finally:
        _printers.pop()


def _print_step(level: Level, text: str) -> None:
    # What is no step has been printed by the one who said it.
    if level == "debug":
        output.detail(text)
