"""Why a disk refused, and the command for that cause: one for each errno, as far as it and the place tell."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from cpv_hooks.named_tuple import NamedTuple

_ENOUGH_FILES = 4096
_CAUSES = {
    errno.ENOSPC: ("no space left on the disk", "free space there (df -h {folder}; df -i {folder})"),
    errno.EDQUOT: ("the disk quota is used up", "free space (quota -s says how much)"),
    errno.EROFS: ("the file system is read-only", "mount it writable (findmnt -T {folder} names it)"),
    errno.EIO: ("the disk reports an input/output error", "look at the disk (sudo dmesg | tail)"),
    errno.ESTALE: (
        "the network file system does not know it any more (stale file handle)",
        "mount it again (findmnt -T {folder} names it)",
    ),
    errno.EISDIR: ("there is a folder where a file should be", "mv {path} to another place"),
    errno.ENXIO: ("not a file but a pipe, a socket or a device", "mv {path} to another place"),
    errno.ENAMETOOLONG: ("the name is too long for the file system", "shorten it (getconf NAME_MAX {folder})"),
    errno.ENFILE: ("too many files are open on this machine", "sudo sysctl fs.file-max=1000000"),
    errno.ENOMEM: ("no memory left", "end other programs (free -h)"),
    errno.EFBIG: ("larger than a file may be here", "ulimit -f unlimited, or use a file system for larger files"),
    errno.EBUSY: ("in use by another program", "end that (fuser -v {path})"),
    errno.ETXTBSY: ("in use by another program", "end that (fuser -v {path})"),
    errno.ENOLCK: (
        "the network file system has no locks",
        "mount it with local_lock=flock, or start lockd (findmnt -T {folder} names it)",
    ),
    errno.EMLINK: ("it has as many hard links as the file system allows", "dvc config cache.type reflink,copy"),
}


class Cause(NamedTuple):
    """What happened, where, and what fixes it, in which `{path}` is a file or folder, `{folder}` the nearest folder
    that is there."""

    what: str
    where: str | None
    fix: str | None
    path: Path

    def command(self, word: Callable[[object], str]) -> str | None:
        """What fixes it, with files as such words."""
        return self.fix and self.fix.format(path=word(self.path), folder=word(_folder(self.path)))


def explained(error: OSError, where: Path) -> Cause:
    """The cause of an error at a place."""
    number = error.errno or 0
    if number == errno.EMFILE:
        return _too_many_files()
    if number in (errno.EACCES, errno.EPERM):
        return _permission(where)
    if number in (errno.ENOENT, errno.ENOTDIR, errno.EEXIST) and (link := dead_link(where)):
        return leads_nowhere(link)
    if number in (errno.ENOTDIR, errno.EEXIST):
        file = next((path for path in (where, *where.parents) if path.exists() and not path.is_dir()), where)
        return Cause("there is a file where a folder should be", str(where), "mv {path} to another place", file)
    if number == errno.ELOOP:
        link = next((path for path in (where, *where.parents) if path.is_symlink()), where)
        return Cause("a symbolic link that leads to itself", str(where), "rm {path}", link)
    if number in _CAUSES:
        what, fix = _CAUSES[number]
        return Cause(what, str(where), fix, where)
    return Cause(error.strerror or str(error), str(where), None, where)


def dead_link(where: Path) -> Path | None:
    """The link on a path that leads to what is not there: a disk that is not mounted, say."""
    return next((path for path in (where, *where.parents) if path.is_symlink() and not path.exists()), None)


def leads_nowhere(link: Path) -> Cause:
    """The cause for a dead link."""
    target = os.readlink(link)
    return Cause(f"a link to {target}, which is not there", str(link), "mount the disk of {path}", Path(target))


def _too_many_files() -> Cause:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = max(_ENOUGH_FILES, 2 * soft)
    if hard in (resource.RLIM_INFINITY, -1) or hard >= enough:
        fix = f"ulimit -n {enough}"
    else:
        fix = f"sudo prlimit --pid $$ --nofile={enough}"
    return Cause(f"too many open files for this process (ulimit -n is {soft})", None, fix, Path())


def _permission(path: Path) -> Cause:
    """What may not be done, as far as the modes say it: to look into a folder, to read, or to write."""
    closed = next((folder for folder in reversed(path.parents) if _may_not(folder, os.X_OK)), None)
    if closed is not None:
        return Cause("no permission to look into it", str(closed), _allow("u+x", closed), closed)
    if _may_not(path, os.R_OK):
        mode = "u+rx" if path.is_dir() else "u+r"
        return Cause("no permission to read it", str(path), _allow(mode, path), path)
    if _may_not(path.parent, os.W_OK) or not path.exists():
        folder = _folder(path)
        return Cause("no permission to write", str(path), _allow("u+wx", folder), folder)
    if path.is_dir() or _may_not(path, os.W_OK):
        mode = "u+wx" if path.is_dir() else "u+w"
        return Cause("no permission to write", str(path), _allow(mode, path), path)
    # The modes allow it: an attribute (chattr +i), or rules of the system.
    fix = "lsattr -d {path} (sudo chattr -i makes it changeable)"
    return Cause("no permission to write", str(path), fix, path)


def _allow(mode: str, path: Path) -> str:
    try:
        is_ours = os.geteuid() in (0, path.stat().st_uid)
    except OSError:
        is_ours = True
    return f"chmod {mode} {{path}}" if is_ours else 'sudo chown "$USER" {path}'


def _may_not(path: Path, way: int) -> bool:
    return os.path.lexists(path) and not path.is_symlink() and not os.access(path, way)


def _folder(path: Path) -> Path:
    return next((folder for folder in (path, *path.parents) if _is(folder, stat.S_ISDIR)), Path("."))


def _is(path: Path, kind: Callable[[int], bool]) -> bool:
    try:
        return kind(path.stat().st_mode)
    except OSError:
        return False
