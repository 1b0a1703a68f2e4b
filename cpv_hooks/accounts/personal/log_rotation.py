"""Which logs are kept: the newest, and those that a process still writes to."""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import suppress
from pathlib import Path

# What is not named so is not ours to remove. Names begin with the time, so their order is the order of time.
_OURS = (re.compile(r"\d{8}T\d{6}\.\d{6}Z-[a-z0-9-]*\.log"), re.compile(r"bug-\d{8}T\d{6}-\d+\.log"))

KEPT = 100
"""Logs of operations, where the settings do not say another number."""


def hold(descriptor: int, path: Path) -> bool:
    """Mark an open log as being written; the mark ends with the descriptor, or with the process.

    False where another process has removed the log before it was marked.
    """
    # A file system without locks has no marks.
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    return os.fstat(descriptor).st_nlink > 0 and path.exists()


def rotate(folder: Path, keep: int) -> None:
    """Remove all but the newest `keep` logs of operations, and of bugs; several processes may do so at once."""
    names = os.listdir(folder)
    for pattern in _OURS:
        ours = sorted(name for name in names if pattern.fullmatch(name))
        for name in ours[:-keep]:
            with suppress(OSError):
                _remove(folder / name)


def _remove(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(descriptor)
