"""Where something is mounted. Nothing is renamed or hard-linked from one mount to another (rename(2), `EXDEV`), even
where both show the same disk, as the volumes of a container may."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_PLACE = 4  # of a line's fields, as proc_pid_mountinfo(5) numbers them from 0


def mounts_below(folder: Path) -> list[str]:
    """The mount points below a folder; none where the system does not tell."""
    try:
        lines = _MOUNTS.read_bytes().splitlines()
    except OSError:
        return []
    places = (os.fsdecode(re.sub(rb"\\(\d{3})", _unescaped, line.split(b" ")[_PLACE])) for line in lines)
    return [place for place in places if place.startswith(f"{folder}/")]


def _unescaped(code: re.Match[bytes]) -> bytes:
    return bytes([int(code[1], 8)])


def mount_of(path: Path, mounts: Sequence[str]) -> str:
    """Which of the mounts below a folder a path of that folder lies on; "" where it is on none."""
    return max((place for place in mounts if f"{path}/".startswith(f"{place}/")), key=len, default="")
