"""A folder seen through a file system that is not Linux's own: a real mount (FUSE), answered by this program.

    python tests/support/odd_disk.py FOLDER PLACE [same-names] [no-locks] [no-links] [remembers=SECONDS]

`same-names`: names that differ in case alone, or in how letters are composed, are one, as on macOS; the first spelling
stays. `no-locks` and `no-links` refuse, as some network disks do. `remembers` keeps what it said of a file for so long,
as NFS does: what another machine writes meanwhile, in FOLDER itself, is not seen.
"""

from __future__ import annotations

import errno
import os
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

import mfusepy

_STATUS = ("st_mode", "st_ino", "st_nlink", "st_uid", "st_gid", "st_size", "st_blocks")
_NOW, _OMIT = (1 << 30) - 1, (1 << 30) - 2
"""What utimensat(2) has in the place of nanoseconds."""
_TIMES = ("st_atime", "st_mtime", "st_ctime")


class Disk(mfusepy.Operations):
    """Hands on every call to the folder."""

    use_ns = True

    def __init__(self, folder: str, same: Callable[[str], str] | None) -> None:
        self._folder = folder
        self._same = same

    def _at(self, path: str) -> str:
        """Where a path is: each part by the spelling that is there."""
        found = self._folder
        for name in path.strip("/").split("/"):
            at = os.path.join(found, name)
            if self._same is not None and not os.path.lexists(at):
                at = os.path.join(found, self._spelled(found, name))
            found = at
        return found

    def _spelled(self, folder: str, name: str) -> str:
        assert self._same is not None
        wanted = self._same(name)
        try:
            return next((there for there in os.listdir(folder) if self._same(there) == wanted), name)
        except OSError:
            return name

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        found = os.fstat(fh) if fh is not None else os.lstat(self._at(path))
        times = {name: getattr(found, f"{name}_ns") for name in _TIMES}
        return times | {name: getattr(found, name) for name in _STATUS}

    def statfs(self, path: str) -> dict[str, int]:
        found = os.statvfs(self._folder)
        return {name: getattr(found, name) for name in dir(found) if name.startswith("f_") and name != "f_fsid"}

    def readdir(self, path: str, fh: int) -> Iterable[tuple[str, None, int]]:
        return [(name, None, 0) for name in (".", "..", *os.listdir(self._at(path)))]

    def readlink(self, path: str) -> str:
        return os.readlink(self._at(path))

    def mkdir(self, path: str, mode: int) -> int:
        os.mkdir(self._at(path), mode)
        return 0

    def rmdir(self, path: str) -> int:
        os.rmdir(self._at(path))
        return 0

    def unlink(self, path: str) -> int:
        os.unlink(self._at(path))
        return 0

    def symlink(self, target: str, source: str) -> int:
        os.symlink(source, self._at(target))
        return 0

    def link(self, target: str, source: str) -> int:
        os.link(self._at(source), self._at(target))
        return 0

    def rename(self, old: str, new: str) -> int:
        source, target = self._at(old), self._at(new)
        if source == target:
            # Another spelling of itself.
            target = os.path.join(os.path.dirname(source), os.path.basename(new))
        os.rename(source, target)
        return 0

    def chmod(self, path: str, mode: int) -> int:
        os.chmod(self._at(path), mode)
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        os.chown(self._at(path), uid, gid, follow_symlinks=False)
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        at = self._at(path)
        now, found = time.time_ns(), os.lstat(at)
        before = (found.st_atime_ns, found.st_mtime_ns)
        words = [{_NOW: now, _OMIT: old}.get(new, new) for new, old in zip(times or (_NOW, _NOW), before, strict=True)]
        os.utime(at, ns=(words[0], words[1]), follow_symlinks=False)
        return 0

    def create(self, path: str, mode: int, fi: object = None) -> int:
        return os.open(self._at(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

    def open(self, path: str, flags: int) -> int:
        # The kernel has done what O_APPEND means.
        return os.open(self._at(path), flags & ~os.O_APPEND)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        return os.pwrite(fh, data, offset)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        os.truncate(fh if fh is not None else self._at(path), length)
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        return 0

    def release(self, path: str, fh: int) -> int:
        os.close(fh)
        return 0


class NoLocks(Disk):
    """Refuses every lock."""

    def flock(self, path: str, fh: int, op: int) -> int:
        raise OSError(errno.ENOLCK, "no locks here")

    def lock(self, path: str, fh: int, cmd: int, lock: object) -> int:
        raise OSError(errno.ENOLCK, "no locks here")


def _refuse_links(disk: Disk) -> None:
    def link(target: str, source: str) -> int:
        raise OSError(errno.EOPNOTSUPP, "no links here")

    disk.link = link  # type: ignore[method-assign]


def same_name(name: str) -> str:
    """What names that macOS takes for one have in common."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def main(folder: str, place: str, *words: str) -> None:
    """Answer until the mount is taken away."""
    disk = (NoLocks if "no-locks" in words else Disk)(folder, same_name if "same-names" in words else None)
    if "no-links" in words:
        _refuse_links(disk)
    seconds = next((float(word.partition("=")[2]) for word in words if word.startswith("remembers=")), 0.0)
    mfusepy.FUSE(
        disk,
        place,
        foreground=True,
        nothreads=True,
        use_ino=True,
        default_permissions=True,
        allow_other=True,
        attr_timeout=seconds,
        entry_timeout=seconds,
        negative_timeout=0,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
