"""Room on the disks, looked for before anything is written."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from cpv_hooks.console.output import size_text
from cpv_hooks.errors import CPVError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_ROOM = 64 << 10


def require(needs: Iterable[tuple[Path, int]]) -> None:
    """Raise `CPVError` unless every disk has room for the bytes that go to folders on it (they need not exist yet)."""
    total: dict[int, int] = {}
    for folder, count in needs:
        place = nearest(folder)
        disk = place.stat().st_dev
        total[disk] = total.get(disk, 0) + count
        status = os.statvfs(place)
        free = status.f_bavail * status.f_frsize
        if total[disk] > free:
            what = f"not enough room on the disk: {size_text(total[disk])} are needed, {size_text(free)} are free"
            raise CPVError(what, where=str(place), fix="free space there, then repeat the command")


def disk_that_filled(error: BaseException, folder: Path) -> OSError | None:
    """The error of a full disk behind a failure to write to a folder; None where that was not the cause.

    Some libraries say it in words of their own, as PyTorch does: there a disk without room is the sign.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in _FULL:
            place = seen.filename
            return seen if place is None or Path(os.fsdecode(place)).is_relative_to(folder) else None
        seen = seen.__cause__ or seen.__context__
    status = os.statvfs(folder)
    if isinstance(error, RuntimeError) and status.f_bavail * status.f_frsize < _NO_ROOM:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
    return None


def nearest(path: Path) -> Path:
    """The path itself, or the nearest folder above it that exists."""
    while not path.exists():
        path = path.parent
    return path
