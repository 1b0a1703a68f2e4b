"""Changed pages of a file on their way to the disk, so that the next write through a mapping changes its time.

A write through `mmap` changes a file's times when it makes a clean page dirty, and no more while that page is dirty. A
page that is being written back is clean: whoever hashes what a file holds from then on sees each later change by its
time. Nothing waits for the disk (sync_file_range(2)), except where there is no such call.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache

_WAIT_BEFORE, _WRITE = 1, 2


def write_back(descriptor: int, start: int = 0, length: int = 0, *, waits: bool = True) -> None:
    """Begin to write a file's changed pages, from `start` on so many bytes (0: all), before they are read.

    Pages that are on their way already may have changed again: with `waits` they are waited for, which for a large file
    that was just written takes as long as the disk does.
    """
    call = _sync_file_range()
    if call is None or call(descriptor, start, length, _WRITE | _WAIT_BEFORE * waits) != 0:
        with suppress(OSError):
            os.fdatasync(descriptor)


@lru_cache(maxsize=1)
def _sync_file_range() -> Callable[[int, int, int, int], int] | None:
    import ctypes

    try:
        call = ctypes.CDLL(None, use_errno=True).sync_file_range
    except (AttributeError, OSError):
        return None
    call.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    found: Callable[[int, int, int, int], int] = call
    return found
