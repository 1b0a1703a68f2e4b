"""Files that are either the old or the new one, whatever happens in between."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from io import BufferedWriter
from pathlib import Path
from typing import TYPE_CHECKING

from cpv_hooks.errors import disk_errors

if TYPE_CHECKING:
    from array import array

    BytesLike = bytes | bytearray | array[int]

TEMPORARY = ".cpv-tmp"
"""How the names of files end that are no one's yet."""

git_folders: dict[str, Callable[[], str]] = {}
"""Git directories, each with what asks for its `core.sharedRepository`: below them files are made as Git makes them."""

work_trees: dict[str, str] = {}
"""Work trees, each with CPV's folder for it, which may not be there."""

_UNNAMED: int = getattr(os, "O_TMPFILE", 0)
"""Linux's; without it a folder cannot be opened for writing."""


def write_or_remove(path: Path, data: bytes | None, *, durable: bool = False) -> None:
    """Let a small file have this content; None: let there be none. Raises `DiskError`."""
    with disk_errors(path):
        if data is None:
            path.unlink(missing_ok=True)
        else:
            write_atomic(path, data, durable=durable)


def write_atomic(
    path: Path, data: bytes | Iterable[BytesLike], *, mode: int | None = None, durable: bool = False
) -> None:
    """Replace a file in one step; a link is not followed. With `durable` it is on the disk when this returns.

    `data` may come in pieces, which are written one after the other.

    Without `mode` a file of the work tree keeps its mode, and its owner and group as far as this user may; any other
    gets what the umask leaves.
    """
    tree = _work_tree(os.fspath(path))
    pieces: Iterable[BytesLike] = [data] if isinstance(data, bytes) else data
    if tree is not None:
        pieces = list(pieces)  # they may have to be written twice
    if tree is None or not _write_unnamed(path, pieces, work_trees[tree], mode, durable=durable):
        _write_beside(path, pieces, mode, durable=durable)
    if durable:
        sync_to_disk(path.parent)


def _write_beside(path: Path, pieces: Iterable[BytesLike], mode: int | None, *, durable: bool) -> None:
    temporary = beside(path)
    descriptor = new_file(temporary, 0o666 if mode is None else mode, private=mode == 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            _fill(stream, path, pieces, mode, durable=durable)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _write_unnamed(path: Path, pieces: Iterable[BytesLike], state: str, mode: int | None, *, durable: bool) -> bool:
    """As `_write_beside`, so that no `git status` meanwhile lists a temporary file: the new file has no name until it
    is complete (open(2), `O_TMPFILE`), and then for a moment one in `state`. That it is made in its own folder, and
    not there, gives it the group, the access list and whatever else that folder gives to its files.

    False where the disks do not let us; nothing has changed then.
    """
    try:
        descriptor = os.open(path.parent, _UNNAMED | os.O_WRONLY | os.O_CLOEXEC, 0o666 if mode is None else mode)
    except OSError:
        return False
    temporary = f"{state}/{_temporary_name()}"
    with os.fdopen(descriptor, "wb") as stream:
        give_to_users(descriptor, path, private=mode == 0o600)
        _fill(stream, path, pieces, mode, durable=durable)
        try:
            # With a descriptor Python calls linkat(2), which alone can follow the link that /proc has for an open file.
            os.link(f"/proc/self/fd/{descriptor}", temporary, src_dir_fd=descriptor, follow_symlinks=True)
        except OSError:
            return False
    try:
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return True


def _fill(stream: BufferedWriter, path: Path, pieces: Iterable[BytesLike], mode: int | None, *, durable: bool) -> None:
    if mode is None and git_folder(os.fspath(path)) is None:
        _take_after(path, stream.fileno())
    stream.writelines(pieces)
    stream.flush()
    if durable:
        os.fsync(stream.fileno())


def new_file(path: Path, mode: int = 0o666, flags: int = os.O_WRONLY, *, private: bool = False) -> int:
    """Open a file that was not there, with its folders; `FileExistsError` where something is.

    A `private` one is its owner's alone, also where Git's own files are shared.
    """
    flags |= os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, mode)
    except FileNotFoundError:
        make_folder(path.parent)
        descriptor = os.open(path, flags, mode)
    give_to_users(descriptor, path, private=private)
    return descriptor


def make_folder(path: Path, mode: int = 0o777) -> None:
    """Make a folder, and those above it. `NotADirectoryError` where something else is: for a disk's fault, not for a
    file that another process made first."""
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from None
        return
    except FileNotFoundError:
        make_folder(path.parent)
        with suppress(FileExistsError):
            os.mkdir(path, mode)
    with suppress(FileNotFoundError):  # it may be gone by now: the last one to use it removes it
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            give_to_users(descriptor, path)
        finally:
            os.close(descriptor)


def give_to_users(descriptor: int, path: str | os.PathLike[str], *, private: bool = False) -> None:
    """Let those use a new file or folder who may: what root makes in a folder of another user's is that user's, and
    below a Git directory the mode is what `core.sharedRepository` says."""
    name = os.fspath(path)
    folder = os.stat(os.path.dirname(name) or ".")
    if folder.st_uid != 0 and os.geteuid() == 0:
        os.fchown(descriptor, folder.st_uid, folder.st_gid)
    ask = None if private else _who_shares(name, folder)
    if ask is not None:
        from cpv_hooks.system.sharing import adjust

        adjust(descriptor, ask)


def is_shared(folder: str) -> bool:
    """Whether a folder below a Git directory is one whose files are shared."""
    ask = _who_shares(folder, os.stat(folder))
    if ask is None:
        return False
    from cpv_hooks.system.sharing import asked_permissions

    return asked_permissions(ask) != 0


def _who_shares(path: str, folder: os.stat_result) -> Callable[[], str] | None:
    """What asks for `core.sharedRepository` where it may be set for a path; `folder` is the one that says so."""
    # Git gives each folder of a repository that is shared another mode than this, or nobody else gets into it.
    git_dir = None if stat.S_IMODE(folder.st_mode) == 0o755 else git_folder(path)
    return None if git_dir is None else git_folders[git_dir]


def git_folder(path: str) -> str | None:
    """The Git directory in which a path lies, of those that this process works with; None for any other path."""
    return next((folder for folder in git_folders if path.startswith(f"{folder}/")), None)


def _work_tree(path: str) -> str | None:
    """The innermost work tree in which a path lies, of those that this process works with; None below `.git`, too."""
    if git_folder(path) is not None:
        return None
    return max((top for top in work_trees if path.startswith(f"{top}/")), key=len, default=None)


def _take_after(path: Path, descriptor: int) -> None:
    """Give a new file the mode, the group and the owner of the one that it is to replace."""
    try:
        old = os.lstat(path)
    except OSError:
        return
    if not stat.S_ISREG(old.st_mode):
        return
    new = os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        try:
            os.fchown(descriptor, old.st_uid, old.st_gid)
        except PermissionError:
            with suppress(PermissionError):
                os.fchown(descriptor, -1, old.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def beside(path: Path) -> Path:
    """A name for a temporary file in the same folder: short, because the file's own may be as long as one can be."""
    return path.with_name(_temporary_name())


def _temporary_name() -> str:
    return f".{os.urandom(8).hex()}{TEMPORARY}"


def sync_to_disk(path: str | Path) -> None:
    """Make what a file holds durable, or of a folder the renames in it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file_system(folder: Path) -> bool:
    """syncfs(2): one call instead of a hundred thousand; False where the C library lacks it."""
    import ctypes

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        return bool(ctypes.CDLL(None, use_errno=True).syncfs(descriptor) == 0)
    except (AttributeError, OSError):
        return False
    finally:
        os.close(descriptor)
