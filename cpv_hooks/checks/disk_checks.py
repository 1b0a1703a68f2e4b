"""The line of the checklist about the disks: room for what an operation writes, and permission to write it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cpv_hooks.checks.subject import Subject
from cpv_hooks.console.check_result import Check
from cpv_hooks.console.output import size_text
from cpv_hooks.errors import shell_path
from cpv_hooks.setup.init.model_repository import existing
from cpv_hooks.state_files import cpv_home
from cpv_hooks.transfer.objects.remote_kinds import FOLDER, kind_of, remote_folder

MARGIN = 1 << 20
"""Bytes that have to be free beside an operation's own: for Git's objects, indexes and logs."""
_FIX = "free some space there"


@dataclass
class _Disk:
    """A file system that is written to: the first folder on it, and how often the bytes land there."""

    folder: Path
    copies: int = 0
    names: list[str] = field(default_factory=list)


def disk_space(subject: Subject) -> Iterator[Check]:
    """Free bytes of each disk against what the operation writes there.

    Two copies on one disk may share their blocks (reflinks), so where only that decides, it is a warning.
    """
    places = list(_places(subject))
    for name, folder, _ in places:
        there = existing(folder)
        if not os.access(there, os.W_OK | os.X_OK):
            fix = f"chmod u+wx {shell_path(there)}"
            yield Check("disk-space", "fail", f"{name}: no permission to write", fix)
            return
    needed = subject.bytes_written()
    for disk in _disks(places).values():
        yield _room(disk, shutil.disk_usage(disk.folder).free, needed)


def _room(disk: _Disk, free: int, needed: int) -> Check:
    where = f"{disk.folder} ({', '.join(disk.names)})"
    least, most = (needed if disk.copies else 0) + MARGIN, needed * disk.copies + MARGIN
    if free < least:
        return Check("disk-space", "fail", f"{size_text(free)} free on {where}, {size_text(least)} needed", _FIX)
    if free < most:
        what = f"{size_text(free)} free on {where}, up to {size_text(most)} needed"
        return Check("disk-space", "warn", what, _FIX)
    return Check("disk-space", "ok", f"{size_text(free)} free on {where}")


def _places(subject: Subject) -> Iterator[tuple[str, Path, bool]]:
    """What is written to: its name, its folder, and whether the bytes themselves land there."""
    project = subject.project
    if project is not None:
        yield "cache", project.cache_dir, True
        url = project.remote_url or ""
        if subject.destination is None:
            yield "work tree", project.root, True
            if url and kind_of(url) is FOLDER:
                yield "remote", remote_folder(url), True
    if subject.destination is not None:
        yield "destination", subject.destination, True
    yield "personal folder", cpv_home(), False


def _disks(places: list[tuple[str, Path, bool]]) -> dict[int, _Disk]:
    found: dict[int, _Disk] = {}
    for name, folder, is_target in places:
        there = existing(folder)
        disk = found.setdefault(there.stat().st_dev, _Disk(there))
        disk.copies += is_target
        disk.names.append(name)
    return found
