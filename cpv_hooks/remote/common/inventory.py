"""What lies on a remote, object by object: for `verify`, which compares it, and `prune`, which removes some of it.

Not every remote can say it: one that cannot list what it has is verified by reading, and is never pruned.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Protocol

from cpv_hooks.dvcformat.directory_object import is_dir_oid, is_oid
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.atomic_files import TEMPORARY

FOLDER = re.compile(r"[0-9a-f]{2}")


class Seen(NamedTuple):
    """An object as its remote shows it.

    `size` is in bytes, `md5` (in hex) what the remote itself computed, `modified` in seconds since the epoch; None
    where the remote does not say.
    """

    size: int | None
    md5: str | None = None
    modified: float | None = None


class Leftover(NamedTuple):
    """What a killed upload left on a remote: its name for people, and the remote's own handle."""

    name: str
    handle: str
    size: int = 0


class Inventory(Protocol):
    """A remote that can say what it has. Every method raises `RemoteError`."""

    def look(self, oids: Collection[str]) -> dict[str, Seen]:
        """Those of these objects that are there."""

    def everything(self) -> dict[str, Seen]:
        """Every object that is there, by its id; what is no object is passed over."""

    def remove(self, oids: Collection[str]) -> None:
        """Remove objects, directory objects before all files; one that is gone already is no error."""

    def leftovers(self, before: float) -> list[Leftover]:
        """What uploads left that were last at work before a time (seconds since the epoch)."""

    def clean(self, leftovers: Collection[Leftover]) -> None:
        """Remove leftovers."""


def in_safe_order(oids: Collection[str]) -> list[str]:
    """Directory objects first: while one is there it promises its files."""
    return sorted(oids, key=lambda oid: (not is_dir_oid(oid), oid))


def object_files(folder: Path) -> Iterator[tuple[str, Path, os.stat_result]]:
    """The objects below a folder with DVC's layout: id, file and status. Raises `OSError`."""
    for first in entries_of(folder):
        if FOLDER.fullmatch(first.name) and first.is_dir(follow_symlinks=False):
            for second in entries_of(Path(first.path)):
                oid = first.name + second.name
                if is_oid(oid) and second.is_file(follow_symlinks=False):
                    yield oid, Path(second.path), second.stat(follow_symlinks=False)


def temporary_files(folder: Path, before: float) -> Iterator[tuple[Path, int]]:
    """CPV's temporary files, and folders of such, in a folder that were last written before a time (seconds since the
    epoch), each with its bytes."""
    for entry in entries_of(folder):
        if entry.name.endswith(TEMPORARY) and not entry.is_symlink():
            inner = [Path(top, name) for top, _, names in os.walk(entry.path) for name in names]
            status = [path.lstat() for path in (Path(entry.path), *inner)]
            if max(item.st_mtime for item in status) < before:
                yield Path(entry.path), sum(item.st_size for item in status if not stat.S_ISDIR(item.st_mode))


def entries_of(folder: Path) -> list[os.DirEntry[str]]:
    """What a folder holds; nothing where there is none. Raises `OSError`."""
    try:
        with os.scandir(folder) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):
        return []
