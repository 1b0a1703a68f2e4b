"""Room on the disks, looked for before anything is written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from cpv_hooks.console.output import size_text
from cpv_hooks.errors import CPVError


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


def nearest(path: Path) -> Path:
    """The path itself, or the nearest folder above it that exists."""
    while not path.exists():
        path = path.parent
    return path
