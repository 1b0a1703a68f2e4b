"""Stat signatures of artifacts: what tells, without reading a byte, whether something changed.

A signature is size, mtime, ctime and inode. It can be trusted only when it was taken after the clock of the file
system had moved past the file's own times (Git's "racily clean" rule): `Clock` reads that clock.
"""

from __future__ import annotations

import os
import stat
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

from cpv_hooks.errors import Unreadable, shell_path
from cpv_hooks.system.atomic_files import make_folder
from cpv_hooks.system.own_files import open_own

Signature = tuple[int, int, int, int]
# Called with a folder (absolute) and the names in it; returns the folders and the files that DVC would take.
Filter = Callable[[str, list[str], list[str]], tuple[list[str], list[str]]]
TEMPORARY = ".cpv-tmp"


def signature(status: os.stat_result) -> Signature:
    """The signature of a file's status."""
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def newest_time(sig: Signature) -> int:
    """The later of a signature's two times, in nanoseconds."""
    return max(sig[1], sig[2])


class Clock:
    """The file system's own clock, read by touching a file; nanoseconds, as coarse as the file system is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        make_folder(path.parent)

    def now(self) -> int:
        """The time that a file written now would carry."""
        descriptor = open_own(self._path, os.O_WRONLY | os.O_CREAT)
        try:
            os.utime(descriptor)
            return os.fstat(descriptor).st_mtime_ns
        finally:
            os.close(descriptor)

    def past(self, moment: int) -> int:
        """Wait, briefly, until the clock is later than `moment`; returns it.

        Where a file system counts whole seconds the wait gives up: such a file stays racy and is hashed again.
        """
        for _ in range(15):
            now = self.now()
            if now > moment or moment - now > 1_000_000_000:
                return now
            time.sleep(0.002)
        return now


class FolderListing:
    """The files of a directory artifact, sorted by relative path, with four numbers of signature each."""

    __slots__ = ("names", "numbers")

    def __init__(self, names: list[str], numbers: array[int]) -> None:
        self.names = names
        self.numbers = numbers

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FolderListing) and (self.names, self.numbers) == (other.names, other.numbers)

    __hash__ = None  # type: ignore[assignment]  # it holds lists

    def __len__(self) -> int:
        return len(self.names)

    def signature(self, position: int) -> Signature:
        start = 4 * position
        size, mtime, ctime, inode = self.numbers[start : start + 4]
        return size, mtime, ctime, inode

    def items(self) -> Iterator[tuple[str, Signature]]:
        """Relative path and signature of each file."""
        return ((name, self.signature(position)) for position, name in enumerate(self.names))

    @property
    def size(self) -> int:
        """Bytes in total."""
        return sum(self.numbers[0::4])

    @property
    def newest(self) -> int:
        """The latest time of any file, in nanoseconds; 0 for no files."""
        return max(max(self.numbers[1::4], default=0), max(self.numbers[2::4], default=0))


def list_directory(root: Path, keep: Filter, dangling: set[str] | None = None) -> FolderListing:
    """Walk a directory artifact as DVC does: links to files are followed, links to folders are passed over.

    A link that leads nowhere is `Unreadable`, unless it leads to a place inside the directory and `dangling` takes its
    name: it may have led to a folder that a checkout has just removed.
    """
    names: list[str] = []
    numbers = array("q")
    waiting = [(os.fspath(root), "")]
    while waiting:
        folder, prefix = waiting.pop()
        folders, found = _read_folder(folder, keep)
        lost = _append(found, prefix, names, numbers)
        if lost:
            _pass_over(lost, os.fspath(root), prefix, dangling)
        waiting += [(f"{folder}/{name}", f"{prefix}{name}/") for name in folders]
    return _sorted(names, numbers)


def _read_folder(folder: str, keep: Filter) -> tuple[list[str], list[os.DirEntry[str]]]:
    """The folders (last first, as a stack takes them) and the files of one folder that DVC would take, by name."""
    with os.scandir(folder) as listed:
        entries = {entry.name: entry for entry in listed}
    folders = [name for name, entry in entries.items() if entry.is_dir(follow_symlinks=False)]
    inner = set(folders)
    files = [
        name
        for name, entry in entries.items()
        if name not in inner and not (entry.is_symlink() and entry.is_dir()) and not name.endswith(TEMPORARY)
    ]
    folders, files = keep(folder, folders, files)
    return sorted(folders, reverse=True), [entries[name] for name in sorted(files)]


def _append(
    found: list[os.DirEntry[str]], prefix: str, names: list[str], numbers: array[int]
) -> list[os.DirEntry[str]]:
    """Take the files of one folder; returns the links that lead nowhere."""
    lost: list[os.DirEntry[str]] = []
    # The innermost loop of every look at a directory artifact: nothing is called in it that is not needed.
    add_name, add_numbers, is_file = names.append, numbers.extend, stat.S_ISREG
    for entry in found:
        try:
            status = entry.stat()
        except FileNotFoundError:
            # A file that is gone was removed since its folder was read; a link that leads nowhere stays.
            if entry.is_symlink():
                lost.append(entry)
            continue
        if not is_file(status.st_mode):
            fix = "move it out of the artifact"
            raise Unreadable("not a regular file, a folder or a link to a file", where=entry.path, fix=fix)
        add_name(prefix + entry.name)
        add_numbers((status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino))
    return lost


def _pass_over(lost: list[os.DirEntry[str]], root: str, prefix: str, dangling: set[str] | None) -> None:
    """Name the links that lead nowhere to who asks for them; one that leads out of the directory is an error."""
    for entry in lost:
        inside = os.path.realpath(entry.path).startswith(f"{os.path.realpath(root)}/")
        if dangling is None or not inside:
            raise Unreadable("a symbolic link that leads nowhere", where=entry.path, fix=f"rm {shell_path(entry.path)}")
        dangling.add(prefix + entry.name)


def _sorted(names: list[str], numbers: array[int]) -> FolderListing:
    """In the order of whole paths, which is not always that of the walk: `a-b` stands before `a/b`."""
    if names == sorted(names):
        return FolderListing(names, numbers)
    order = sorted(range(len(names)), key=names.__getitem__)
    moved = array("q")
    for at in order:
        moved.extend(numbers[4 * at : 4 * at + 4])
    return FolderListing([names[at] for at in order], moved)
