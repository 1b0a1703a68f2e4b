"""Disks that other machines write to as well. Each machine remembers for a while what it was told of a file, so that a
change is seen late, with a time that has passed by then."""

from __future__ import annotations

import os
import re
from pathlib import Path

_KINDS = frozenset(
    ("9p", "afs", "beegfs", "ceph", "cifs", "fuse", "gpfs", "lustre", "nfs", "nfs4", "smb3", "smbfs", "virtiofs")
)
_MOUNTS = Path("/proc/self/mountinfo")
_REMEMBERED = 60
"""Seconds: what NFS keeps at most where its mount says nothing else (nfs(5), acregmax and acdirmax)."""
_OPTION = r"\bac(?:reg|dir)max=(\d+)"
_HIDDEN = r"\.nfs[0-9a-f]{24}|\.fuse_hidden[0-9a-f]{16}"


def remembered(path: Path) -> int:
    """For how long what the disk of a path says of a file may be old, in nanoseconds; 0 where nobody else writes."""
    try:
        device = os.stat(path).st_dev
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return of_mounts(mounts, f"{os.major(device)}:{os.minor(device)}")


def of_mounts(mounts: str, device: str) -> int:
    """The same of a device (`8:1`), by what proc_pid_mountinfo(5) describes."""
    for line in mounts.splitlines():
        place, _, rest = line.partition(" - ")
        if place.split()[2] == device:
            kind, _, options = (*rest.split(" ", 2), "", "")[:3]
            if kind.partition(".")[0] in _KINDS:
                return max([_REMEMBERED, *map(int, re.findall(_OPTION, options))]) * 1_000_000_000
    return 0


def is_hidden(name: str) -> bool:
    """Whether a file was removed while it was open: such a disk keeps it by another name until it is closed."""
    return re.fullmatch(_HIDDEN, name) is not None
