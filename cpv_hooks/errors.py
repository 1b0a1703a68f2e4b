"""The one error that a user sees, and names in commands that fix it: quoted where a shell needs it, and only there.

CPV knows files from the top of the work tree; a command to paste names them from where the user stands.
"""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def one_line(what: str, *, where: str | None = None, fix: str | None = None) -> str:
    """The form of every error, warning and check."""
    line = f"{where}: {what}" if where else what
    if fix:
        line += f"; fix: {fix}"
    return " ".join(filter(None, map(str.strip, line.splitlines())))  # two blanks may be part of a name


class CPVError(Exception):
    """Something a user can fix: what happened, where, and the command that fixes it.

    `str()` is always one line: ``WHERE: WHAT; fix: FIX`` (the parts that are known).
    """

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        self.what = what
        self.where = where
        self.fix = fix
        super().__init__(one_line(what, where=where, fix=fix))

    def amend(self, text: str) -> None:
        """Add to what happened, in parentheses."""
        self.what = f"{self.what} ({text})"
        self.args = (one_line(self.what, where=self.where, fix=self.fix),)


class Unreadable(CPVError):
    """An artifact that cannot be looked at: what it holds, and whether it has changed, is not known."""


class DiskError(CPVError):
    """A disk, or a limit of the system, that refuses."""


DISK_FAULTS = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.EIO,
        errno.ESTALE,
        errno.ELOOP,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ENAMETOOLONG,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.EFBIG,
        errno.EBUSY,
        errno.ETXTBSY,
        errno.EMLINK,
        errno.ENOLCK,
    }
)
"""What is the user's to fix, and never a bug."""
_GLOB = frozenset("*?[\\")


def disk_error(error: OSError, where: Path) -> DiskError:
    """The one line for a disk that refuses: the cause, and the command for that cause."""
    from cpv_hooks.disk_causes import explained

    cause, again = explained(error, where), "repeat the command"
    fix = cause.command(shell_path)
    return DiskError(cause.what, where=cause.where, fix=f"{fix}, then {again}" if fix else again)


class disk_errors:
    """`with disk_errors(path):` raises an `OSError` of the block as the `DiskError` of that place.

    With `by_name` it is that of the file which the error names, if it names one.
    """

    def __init__(self, where: Path, *, by_name: bool = False) -> None:
        self._where = where
        self._by_name = by_name

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, OSError):
            from pathlib import Path

            named = error.filename if self._by_name else None
            raise disk_error(error, Path(named) if named else self._where) from error


def shell_word(value: object) -> str:
    text = str(value)
    return shlex.quote(text) if text.isprintable() else _printed(text)


def shell_words(values: Iterable[object]) -> str:
    return " ".join(map(shell_word, values))


def shell_path(value: object) -> str:
    """A file or folder as one word that no command takes for an option, nor Git for the magic of a pathspec."""
    text = str(value)
    return shell_word(f"./{text}" if text.startswith(("-", ":")) else text)


def from_here(path: str) -> str:
    """A path from the top of the work tree, as it is called where the user stands."""
    return os.path.relpath(path, _place()) if path else path


def file_word(path: str) -> str:
    """A path from the top of the work tree, for a command that takes files."""
    return shell_path(_as_written(path))


def file_words(paths: Iterable[str]) -> str:
    return " ".join(map(file_word, paths))


def git_word(path: str) -> str:
    """A path from the top of the work tree, for a command of Git's that takes pathspecs."""
    return pathspec_word(_as_written(path))


def git_words(paths: Iterable[str]) -> str:
    return " ".join(map(git_word, paths))


def pathspec_word(path: str) -> str:
    """Likewise, of a path from the user's own folder."""
    return shell_word(f":(literal){path}") if _GLOB & set(path) else shell_path(path)


def _as_written(path: str) -> str:
    """Unchanged where the user stands at the top: a trailing slash stays."""
    return path if _place() == "." else from_here(path)


def _place() -> str:
    """The user's folder from the top of the work tree. Git runs hooks, and aliases, at the top and says it."""
    prefix = os.environ.get("GIT_PREFIX", "")
    if prefix:
        return os.path.normpath(prefix)
    try:
        here = folder = os.getcwd()
    except FileNotFoundError:
        return "."
    while not os.path.lexists(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return "."
        folder = above
    return os.path.relpath(here, folder)


def _printed(text: str) -> str:
    """A word that would not survive being shown: `printf` makes it of what can be."""
    octal = "".join(chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}" for byte in os.fsencode(_escaped(text)))
    return f'"$(printf {shlex.quote(octal)})"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "%%")
