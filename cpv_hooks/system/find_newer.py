"""What of a large directory is newer than a moment: `find` says so, in C, and two processes side by side.

Python needs three microseconds to list a file and to ask for its status, `find` a third of that.
"""

from __future__ import annotations

import os
import stat
import subprocess
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Set
from pathlib import Path

from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system import signatures
from cpv_hooks.system.columns import NameColumn
from cpv_hooks.system.signatures import Filter, FolderListing, list_directory, signature

_MOST_FOLDERS = 1000
_MOST_WALKED = 64


class Halves(NamedTuple):
    """What one process looks at and what another does beside it; of `tops` only what is in them, not below."""

    tops: list[str]
    here: list[str]
    beside: list[str]


def halves(root: Path, path: str, files: int) -> Halves:
    """A directory of so many files in two halves of its folders; in one where it is small, or has too few folders, or
    too many to name."""
    tops, folders = [path], _folders_in(root / path) if files >= signatures.MANY_FILES else []
    while len(folders) == 1:
        tops.append(f"{tops[-1]}/{folders[0]}")
        folders = _folders_in(root / tops[-1])
    whole = [f"{tops[-1]}/{name}" for name in folders]
    return Halves(tops, whole[::2], whole[1::2]) if 1 < len(whole) <= _MOST_FOLDERS else Halves([], [path], [])


def _folders_in(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            # As `find -L` sees them: a folder more than DVC takes does no harm.
            return sorted(entry.name for entry in entries if entry.is_dir())
    except OSError:
        return []  # it went since it was looked at, and what is above it says so


class Newer:
    """`find` at work on a directory; `paths` waits for what it finds."""

    def __init__(self, root: Path, files: int, than: Path) -> None:
        """Look for what has a ctime after the mtime of the file `than`, and for symbolic links, whose targets may."""
        tops, *parts = halves(root, ".", files)
        self._processes = [_find(root, part, than) for part in parts if part]
        if tops:
            self._processes.append(_find(root, tops, than, "-maxdepth", "1"))

    def paths(self) -> set[str] | None:
        """The paths below the directory, "." for itself; None where `find` cannot tell, or is not there."""
        answers = [(process, process.communicate()[0]) for process in self._processes if process is not None]
        if None in self._processes or any(process.returncode for process, _ in answers):
            return None
        return {os.fsdecode(path).removeprefix("./") for _, out in answers for path in out.split(b"\0") if path}


def _find(root: Path, paths: list[str], than: Path, *options: str) -> subprocess.Popen[bytes] | None:
    command = ["find", *paths, *options, "(", "-type", "l", "-o", "-cnewer", os.fspath(than), ")", "-print0"]
    quiet = subprocess.DEVNULL
    try:
        return subprocess.Popen(command, cwd=root, stdin=quiet, stdout=subprocess.PIPE, stderr=quiet)
    except FileNotFoundError:
        return None


def list_again(root: Path, base: FolderListing, newer: Set[str], keep: Filter) -> FolderListing | None:
    """The files of a directory, of which `newer` are all paths that changed since it was listed as `base`.

    A changed folder is walked with all that is below it, because what was moved in may be older. None where only a walk
    through the whole directory can tell, or would be as soon done.
    """
    if "." in newer or len(newer) > len(base) // 8:
        return None
    again = _Again(root, base.names, base.numbers[:], keep)
    try:
        folders = {path for path in newer if stat.S_ISDIR(os.lstat(root / path).st_mode)}
        outermost = [folder for folder in folders if folders.isdisjoint(_above(folder))]
        files = [path for path in newer - folders if folders.isdisjoint(_above(path))]
        if len(outermost) > _MOST_WALKED or not all(again.look_at(path) for path in files):
            return None
        # From the last one on, so that the positions of those that are left stay true.
        return again.with_folders(sorted(outermost, key=lambda folder: f"{folder}/", reverse=True))
    except FileNotFoundError:
        return None


def _above(path: str) -> list[str]:
    return [path[:at] for at, letter in enumerate(path) if letter == "/"]


class _Again(NamedTuple):
    root: Path
    names: NameColumn
    numbers: array[int]
    keep: Filter

    def look_at(self, path: str) -> bool:
        """A file whose folder has not changed is one of those that are known, or one that is left out; whether so."""
        at = self.names.find(path)
        status = os.stat(self.root / path)
        if at is not None and stat.S_ISREG(status.st_mode):
            self.numbers[4 * at : 4 * at + 4] = array("q", signature(status))
            return True
        return at is None and (not os.path.islink(self.root / path) or stat.S_ISDIR(status.st_mode))

    def with_folders(self, folders: Iterable[str]) -> FolderListing:
        """All of it, with what is in these folders now, of which the last one comes first."""
        names = self.names
        for folder in folders:
            start, end = bisect_left(names, f"{folder}/"), bisect_left(names, f"{folder}0")  # 0 comes after /
            if self._is_kept(folder):
                found = list_directory(self.root / folder, self.keep)
                names = names.replaced(start, end, NameColumn.of(f"{folder}/{name}" for name in found.names))
                self.numbers[4 * start : 4 * end] = found.numbers
            else:
                names = names.replaced(start, end, NameColumn.of([]))
                del self.numbers[4 * start : 4 * end]
        return FolderListing(names, self.numbers)

    def _is_kept(self, folder: str) -> bool:
        return all(
            self.keep(os.path.join(self.root, os.path.dirname(path)).rstrip("/"), [os.path.basename(path)], [])[0]
            for path in [*_above(folder), folder]
        )
