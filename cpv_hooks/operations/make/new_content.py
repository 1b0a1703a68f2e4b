"""What a file or a folder would be as an artifact: its hash and its objects, found by reading alone."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.cache import md5_of
from cpv_hooks.dvcformat.directory_object import dir_object_bytes, dir_oid
from cpv_hooks.dvcformat.pointer import Content
from cpv_hooks.errors import CPVError, disk_error, shell_path
from cpv_hooks.system.signatures import Filter, FolderListing, Signature, list_directory, signature
from cpv_hooks.worktree.snapshot import BeingWritten, Taken, is_executable, unchanged
from cpv_hooks.worktree.workspace import Workspace

_WORKERS = 4


@dataclass(frozen=True)
class Prospect:
    """Content that is to become an artifact's.

    `objects` are sizes in bytes by object id, the directory object last. `path` is where the bytes are; None for
    content that is in `data`. `listing` are a folder's files with their md5 and signature; a file has the empty name.
    """

    content: Content
    objects: Mapping[str, int]
    path: Path | None
    listing: tuple[tuple[str, str, Signature], ...] = ()
    data: bytes | None = field(default=None, repr=False)
    directory: bytes | None = field(default=None, repr=False)


def of_bytes(data: bytes) -> Prospect:
    """Content that is in memory."""
    oid = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return Prospect(Content(oid, len(data)), {oid: len(data)}, None, data=data)


def of_path(space: Workspace, source: Path, path: str) -> Prospect:
    """A file or a folder that is to become the artifact `path`, by DVC's rules for that place.

    Raises `BeingWritten` where it changes meanwhile, and `CPVError` for a link, a device or a file that cannot be read.
    """
    status = check(source)
    try:
        with Progress(f"hashing {source.name}") as progress:
            if stat.S_ISDIR(status.st_mode):
                return _folder(source, list_directory(source, _filter(space, source, path)), progress)
            return _file(source, status, progress)
    except OSError as error:
        raise unreadable(error, source) from error


def check(source: Path) -> os.stat_result:
    """The status of what a user names to upload. `CPVError` for what is not there, or not a file or a folder."""
    try:
        status = source.lstat()
    except (OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError | NotADirectoryError | ValueError):
            raise CPVError("does not exist", where=repr(str(source)), fix="name a file or a folder") from None
        raise unreadable(error, source) from error
    if stat.S_ISLNK(status.st_mode):
        real = os.path.realpath(source)
        raise CPVError("a symbolic link", where=str(source), fix=f"name what it points to, {real}")
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise CPVError("not a regular file or a folder", where=str(source), fix="name a file or a folder")
    return status


def unreadable(error: OSError, source: Path) -> CPVError:
    """The line for a source that the disk does not give."""
    where = str(error.filename or source)
    if isinstance(error, PermissionError):
        return CPVError("no permission to read it", where=where, fix=f"chmod -R u+rX {shell_path(where)}")
    return disk_error(error, Path(where))


def _file(source: Path, status: os.stat_result, progress: Progress) -> Prospect:
    progress.grow(status.st_size)
    oid = md5_of(source, progress.advance)
    if signature(source.stat()) != signature(status):
        raise BeingWritten(source)
    return file(source, status, oid)


def file(source: Path, status: os.stat_result, oid: str) -> Prospect:
    """A file that is hashed already."""
    content = Content(oid, status.st_size, isexec=is_executable(status))
    return Prospect(content, {oid: status.st_size}, source, (("", oid, signature(status)),))


def _folder(source: Path, listing: FolderListing, progress: Progress) -> Prospect:
    progress.grow(listing.size)

    def one(position: int) -> str:
        path = source / listing.names[position]
        return unchanged(path, listing.signature(position), lambda: md5_of(path, progress.advance))

    with ThreadPoolExecutor(_WORKERS) as pool:
        oids = list(pool.map(one, range(len(listing))))
    return folder(source, listing, oids)


def folder(source: Path, listing: FolderListing, oids: list[str]) -> Prospect:
    """A folder whose files are hashed already."""
    data = dir_object_bytes(zip(listing.names, oids, strict=True))
    rows = tuple(
        (name, oid, listing.signature(at)) for at, (name, oid) in enumerate(zip(listing.names, oids, strict=True))
    )
    objects = {oid: sig[0] for _, oid, sig in rows}
    oid = dir_oid(data)
    return Prospect(
        Content(oid, listing.size, nfiles=len(listing)), {**objects, oid: len(data)}, source, rows, directory=data
    )


def named_by_dvc_2(source: Path, status: os.stat_result, taken: Taken) -> Prospect:
    """What stands in its place and is what a pointer of DVC 2 names."""
    found = (
        file(source, status, taken.content.oid)
        if taken.tree is None
        else folder(source, taken.tree.listing, taken.tree.oids)
    )
    return replace(found, content=taken.content)


def _filter(space: Workspace, source: Path, path: str) -> Filter:
    """What DVC would leave out of the folder at the artifact's place; links are refused, they would be lost or torn."""
    target = space.project.repo.top / path
    rule = space.filter(path)

    def keep(folder: str, folders: list[str], files: list[str]) -> tuple[list[str], list[str]]:
        there = os.path.join(target, os.path.relpath(folder, source)) if folder != os.fspath(source) else str(target)
        kept_folders, kept_files = rule(there, folders, files)
        nested = [name for name in kept_folders if os.path.exists(f"{folder}/{name}/.dvc")]
        # Links to folders are not among what is asked about.
        links = [name for name in os.listdir(folder) if os.path.islink(f"{folder}/{name}")]
        if links:
            where = f"{folder}/{links[0]}"
            raise CPVError("a symbolic link", where=where, fix="copy the folder with cp -rL, then upload the copy")
        return [name for name in kept_folders if name not in nested], kept_files

    return keep
