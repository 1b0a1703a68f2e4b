"""Files that another process holds open for writing (Linux; elsewhere none is found).

A read lease says so for one file in a few microseconds, whoever the writer is and whichever container it runs in
(fcntl(2), F_SETLEASE: it is granted only where there is no writer). `/proc` is asked about the few that it finds: it
names the program, and tells a log that is appended to from a file that is being filled.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from cpv_hooks.named_tuple import NamedTuple

_WRITING = os.O_WRONLY | os.O_RDWR


class Writer(NamedTuple):
    """A process that has a file open for writing; `appends` where it can only add to the end."""

    process: int
    program: str
    appends: bool


def being_written(path: str | Path) -> bool:
    """Whether some process holds the file open for writing."""
    return bool(_open_ones([path]))


def _open_ones(paths: Iterable[str | Path]) -> list[Path]:
    """Those of the files that some process has open for writing. Each lease is given back at once."""
    try:
        import fcntl
        import signal

        lease, read, nothing = fcntl.F_SETLEASE, fcntl.F_RDLCK, fcntl.F_UNLCK
        # A writer that opens the file in between makes the kernel send SIGIO, whose default is to end the process.
        before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    except (ImportError, AttributeError, ValueError):
        return []  # another system, or not the main thread, which alone may set a signal aside
    found = []
    try:
        for path in paths:
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            except OSError:
                continue
            try:
                fcntl.fcntl(descriptor, lease, read)
                fcntl.fcntl(descriptor, lease, nothing)
            except BlockingIOError:
                found.append(Path(path))
            except OSError:
                pass  # another user's file, or a file system without leases
            finally:
                os.close(descriptor)
    finally:
        signal.signal(signal.SIGIO, before)
    return found


def being_filled(paths: Iterable[str | Path]) -> dict[Path, Writer | None]:
    """Those of these files that are open for writing, with a writer where one can be seen; logs are passed over."""
    found = _open_ones(paths)
    if not found:
        return {}
    seen = _writers({os.path.realpath(path): path for path in found})
    filled: dict[Path, Writer | None] = {}
    for path in found:
        writers = seen.get(path, [])
        if not writers or not all(writer.appends for writer in writers):
            filled[path] = next((writer for writer in writers if not writer.appends), None)
    return filled


def _writers(places: Mapping[str, Path]) -> dict[Path, list[Writer]]:
    found: dict[Path, list[Writer]] = {}
    for process in filter(str.isdecimal, _names("/proc")):
        for number in _names(f"/proc/{process}/fd"):
            with suppress(OSError, ValueError):
                path = places.get(os.readlink(f"/proc/{process}/fd/{number}"))
                flags = _flags(f"/proc/{process}/fdinfo/{number}") if path is not None else 0
                if path is not None and flags & _WRITING:
                    writer = Writer(int(process), _program(process), bool(flags & os.O_APPEND))
                    found.setdefault(path, []).append(writer)
    return found


def _names(folder: str) -> Iterator[str]:
    with suppress(OSError):
        yield from os.listdir(folder)


def _flags(path: str) -> int:
    with open(path, encoding="ascii") as stream:
        return next((int(line.split()[1], 8) for line in stream if line.startswith("flags:")), 0)


def _program(process: str) -> str:
    with open(f"/proc/{process}/comm", encoding="utf-8", errors="replace") as stream:
        return stream.read().strip()
