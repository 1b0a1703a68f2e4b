"""Files that CPV alone writes: opened without following a link, and believed only from their owner."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from cpv_hooks.errors import CPVError, shell_path
from cpv_hooks.system.atomic_files import new_file


def open_own(path: str | os.PathLike[str], flags: int, mode: int = 0o666, *, private: bool = False) -> int:
    """`os.open` for a file of CPV's. `CPVError` where a link, a folder or a device stands in its place.

    With `private` it must be this user's own (root may also have written it), and nobody else may be able to write it.
    """
    try:
        descriptor = _open(Path(path), flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, mode)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise _strange(path, "not a file of CPV's own but a link or a device") from error
        raise
    status = os.fstat(descriptor)
    why = None
    if not stat.S_ISREG(status.st_mode):
        why = "not a file"
    elif private and status.st_uid not in (os.geteuid(), 0):
        why = "belongs to another user"
    elif private and status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        why = "other users may write to it"
    if why is not None:
        os.close(descriptor)
        raise _strange(path, why)
    return descriptor


def _open(path: Path, flags: int, mode: int) -> int:
    try:
        return os.open(path, flags & ~os.O_CREAT)
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
    try:
        return new_file(path, mode, flags)
    except FileExistsError:
        return os.open(path, flags & ~os.O_CREAT)  # another process was quicker; or it is a link that leads nowhere


def read_own(path: Path, *, follow: bool = False) -> bytes:
    """The content of a file of the personal folder; errors as `open_own` with `private`.

    With `follow` it may be a link, as into a folder of dot files; what it leads to must be the user's own all the same.
    """
    real = Path(os.path.realpath(path)) if follow else path
    with os.fdopen(open_own(real, os.O_RDONLY, private=True), "rb") as stream:
        return stream.read()


def _strange(path: str | os.PathLike[str], why: str) -> CPVError:
    name = os.fspath(path)
    return CPVError(why, where=name, fix=f"rm {shell_path(name)} (CPV makes a new one)")


def link_above(top: Path, path: str, real: set[str] | None = None) -> str | None:
    """The first folder from `top` down to a path that is a link, which Git does not follow; None where there is none.

    `real` gathers the folders that are none, so that each is looked at once.
    """
    known: set[str] = set() if real is None else real
    end = 0
    while (end := path.find("/", end + 1)) > 0:
        folder = path[:end]
        if folder not in known and os.path.islink(top / folder):
            return folder
        known.add(folder)
    return None
