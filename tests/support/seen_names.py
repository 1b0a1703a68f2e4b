"""Every name that came to stand in a folder, as the kernel tells it (inotify(7)): no look comes too late."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CREATED, _MOVED_HERE = 0x100, 0x80
_EVENT = struct.Struct("iIII")


@contextmanager
def seen_names(*folders: Path) -> Iterator[set[str]]:
    """The names that come to stand in these folders; the set is filled when the block ends."""
    c = ctypes.CDLL(None, use_errno=True)
    descriptor = c.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    names = set[str]()
    try:
        for folder in folders:
            watched = c.inotify_add_watch(descriptor, os.fsencode(folder), _CREATED | _MOVED_HERE)
            assert watched >= 0, os.strerror(ctypes.get_errno())
        yield names
        names.update(_told(descriptor))
    finally:
        os.close(descriptor)


def _told(descriptor: int) -> Iterator[str]:
    while True:
        try:
            data = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            return
        while data:
            _, _, _, length = _EVENT.unpack_from(data)
            yield os.fsdecode(data[_EVENT.size : _EVENT.size + length].rstrip(b"\0"))
            data = data[_EVENT.size + length :]
