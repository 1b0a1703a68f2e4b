"""The one error that a user sees."""

from __future__ import annotations

import errno
from pathlib import Path


class CPVError(Exception):
    """Something a user can fix: what happened, where, and the command that fixes it.

    `str()` is always one line: ``WHERE: WHAT; fix: FIX`` (the parts that are known).
    """

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        self.what = what
        self.where = where
        self.fix = fix
        super().__init__(self._line())

    def amend(self, text: str) -> None:
        """Add to what happened, in parentheses."""
        self.what = f"{self.what} ({text})"
        self.args = (self._line(),)

    def _line(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        if self.fix:
            line += f"; fix: {self.fix}"
        return " ".join(line.split())


_IO_FAULTS = {
    errno.ENOSPC: "no space left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "no permission to write",
    errno.EPERM: "no permission to write",
    errno.EIO: "the disk reports an input/output error",
    errno.ENOTDIR: "a file stands where a folder should be",
}


def disk_error(error: OSError, where: Path) -> CPVError:
    """The one line for a disk that refuses."""
    what = _IO_FAULTS.get(error.errno or 0, error.strerror or str(error))
    return CPVError(what, where=str(where), fix="free space or correct the permissions, then repeat the command")
