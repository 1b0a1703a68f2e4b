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
from functools import cached_property
from pathlib import Path

from cpv_hooks.errors import Unreadable, shell_path
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.atomic_files import TEMPORARY, beside, make_folder, new_file
from cpv_hooks.system.columns import NameColumn
from cpv_hooks.system.own_files import open_own

Signature = tuple[int, int, int, int]
# Called with a folder (absolute) and the names in it; returns the folders and the files that DVC would take.
Filter = Callable[[str, list[str], list[str]], tuple[list[str], list[str]]]
NOT_CONTENT = "not a regular file, a folder or a link to a file"
MANY_FILES = 20_000
"""Files of a directory from which it pays that two processes look at it."""


def signature(status: os.stat_result) -> Signature:
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def newest_time(sig: Signature) -> int:
    """The later of a signature's two times, in nanoseconds."""
    return max(sig[1], sig[2])


def stamp(path: Path, moment: int) -> None:
    """Give a file the time just before `moment` (ns): `-cnewer` is strict, and what came in that tick must count."""
    times = (moment - 1, moment - 1)
    try:
        os.utime(path, ns=times, follow_symlinks=False)
        if stat.S_ISREG(os.lstat(path).st_mode):
            return
    except (FileNotFoundError, PermissionError):
        pass  # the times of another user's file nobody else can set
    temporary = beside(path)
    descriptor = new_file(temporary)
    try:
        os.utime(descriptor, ns=times)
    finally:
        os.close(descriptor)
    os.replace(temporary, path)


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

    def __init__(self, names: NameColumn, numbers: array[int]) -> None:
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
        return sum(self.numbers[0::4])

    @cached_property
    def newest(self) -> int:
        """The latest time of any file, in nanoseconds; 0 for no files."""
        return max(max(self.numbers[1::4], default=0), max(self.numbers[2::4], default=0))


def list_directory(root: Path, keep: Filter, dangling: set[str] | None = None) -> FolderListing:
    """Walk a directory artifact as DVC does: links to files are followed, links to folders are passed over.

    A link that leads nowhere is `Unreadable`, unless it leads to a place inside the directory and `dangling` takes its
    name: it may have led to a folder that a checkout has just removed.
    """
    text, numbers = bytearray(), array("q")
    waiting: list[_Step] = [_Step(os.fspath(root), "")]
    while waiting:
        step = waiting.pop()
        if step.files is None:
            waiting += reversed(list(_steps(step, keep)))
            continue
        names, lost = _append(step, numbers)
        if names:
            text += "\0".join(names).encode("utf-8", "surrogateescape") + b"\0"
        if lost:
            _pass_over(lost, os.fspath(root), step.prefix, dangling)
    return FolderListing(NameColumn(bytes(text[:-1]), len(numbers) // 4), numbers)


class _Step(NamedTuple):
    """What a walk has still to look at: a folder, or some files of it that come one after the other."""

    folder: str
    prefix: str
    files: list[os.DirEntry[str]] | None = None


def _steps(step: _Step, keep: Filter) -> Iterator[_Step]:
    """The folders and the files of a folder that DVC would take, in the order of whole paths: `a-b` before `a/b`."""
    folder, prefix, _ = step
    folders, files = _read_folder(folder, keep)
    inner = sorted(f"{name}/" for name in folders)
    at = 0
    for name in inner:
        start = at
        while at < len(files) and files[at].name < name:
            at += 1
        if at > start:
            yield _Step(folder, prefix, files[start:at])
        yield _Step(f"{folder}/{name[:-1]}", prefix + name)
    if at < len(files):
        yield _Step(folder, prefix, files[at:])


def _read_folder(folder: str, keep: Filter) -> tuple[list[str], list[os.DirEntry[str]]]:
    """The folders and, by name, the files of one folder that DVC would take."""
    with os.scandir(folder) as listed:
        entries = {entry.name: entry for entry in listed}
    folders = [name for name, entry in entries.items() if entry.is_dir(follow_symlinks=False)]
    inner = set(folders)
    files = [
        name
        for name, entry in entries.items()
        if name not in inner
        and not (entry.is_symlink() and entry.is_dir())
        and not name.endswith(TEMPORARY)
        and not (name.startswith((".nfs", ".fuse_hidden")) and _is_hidden(name))
    ]
    folders, files = keep(folder, folders, files)
    return folders, [entries[name] for name in sorted(files)]


def _is_hidden(name: str) -> bool:
    from cpv_hooks.system.network_disks import is_hidden

    return is_hidden(name)


def _append(step: _Step, numbers: array[int]) -> tuple[list[str], list[os.DirEntry[str]]]:
    """Take files; returns their paths, and the links that lead nowhere."""
    names: list[str] = []
    lost: list[os.DirEntry[str]] = []
    # The innermost loop of every look at a directory artifact: nothing is called in it that is not needed.
    add_name, add_numbers, is_file, prefix = names.append, numbers.extend, stat.S_ISREG, step.prefix
    for entry in step.files or ():
        try:
            status = entry.stat()
        except FileNotFoundError:
            # A file that is gone was removed since its folder was read; a link that leads nowhere stays.
            if entry.is_symlink():
                lost.append(entry)
            continue
        if not is_file(status.st_mode):
            raise Unreadable(NOT_CONTENT, where=entry.path, fix="move it out of the artifact")
        add_name(prefix + entry.name)
        add_numbers((status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino))
    return names, lost


def _pass_over(lost: list[os.DirEntry[str]], root: str, prefix: str, dangling: set[str] | None) -> None:
    """Name the links that lead nowhere to who asks for them; one that leads out of the directory is an error."""
    for entry in lost:
        inside = os.path.realpath(entry.path).startswith(f"{os.path.realpath(root)}/")
        if dangling is None or not inside:
            raise Unreadable("a symbolic link that leads nowhere", where=entry.path, fix=f"rm {shell_path(entry.path)}")
        dangling.add(prefix + entry.name)
