"""What a file or a folder would be as an artifact: its hash and its objects, found by reading alone."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.directory_object import dir_object_bytes, dir_oid
from cpv_hooks.dvcformat.file_hash import md5_of
from cpv_hooks.dvcformat.pointer import Content
from cpv_hooks.errors import CPVError, disk_error, shell_path
from cpv_hooks.system.signatures import Filter, Signature, list_directory
from cpv_hooks.worktree.base_index import BaseEntry
from cpv_hooks.worktree.known_files import KnownFiles, Look
from cpv_hooks.worktree.snapshot import Elsewhere, Read, Snapshot, directory_snapshot, file_snapshot
from cpv_hooks.worktree.spread import Spread
from cpv_hooks.worktree.workspace import Workspace


@dataclass(frozen=True)
class NewContent:
    """Content that is to become an artifact's.

    `path` is where the bytes are, None for content that is in `data`; `directory` are the bytes of a directory object.
    """

    snapshot: Snapshot
    path: Path | None
    data: bytes | None = field(default=None, repr=False)
    directory: bytes | None = field(default=None, repr=False)

    @property
    def content(self) -> Content:
        """What the pointer is to say."""
        return self.snapshot.content

    def files(self) -> Iterator[tuple[str, str, Signature]]:
        """The files on a disk, with their md5 and signature; a file has the empty name."""
        _, entry, tree = self.snapshot
        if tree is not None:
            for at, (name, oid) in enumerate(tree.rows()):
                yield name, oid, tree.listing.signature(at)
        elif entry.signature is not None:
            yield "", entry.oid, entry.signature

    @cached_property
    def objects(self) -> dict[str, int]:
        """Sizes in bytes by object id, the directory object last."""
        found = {oid: sig[0] for _, oid, sig in self.files()}
        own = self.data if self.data is not None else self.directory
        return found if own is None else {**found, self.content.oid: len(own)}


def of_bytes(data: bytes) -> NewContent:
    """Content that is in memory."""
    oid = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return NewContent(Snapshot(Content(oid, len(data)), BaseEntry(oid)), None, data=data)


Hash = Callable[[str | Path, Callable[[int], None]], str]
"""Gives a file's md5, and tells of the bytes as they are read."""


def of_path(space: Workspace, source: Path, path: str, read: Hash = md5_of) -> NewContent:
    """A file or a folder that is to become the artifact `path`, by DVC's rules for that place.

    Raises `BeingWritten` where it changes meanwhile, and `CPVError` for a link, a device or a file that cannot be read.
    """
    status = check_source(source)
    try:
        with Progress(f"hashing {source.name}") as progress:
            if stat.S_ISDIR(status.st_mode):
                listing = list_directory(source, _filter(space, source, path))
                look = Look(listing, 0, KnownFiles.nothing(len(listing)))
                return of_directory(source, look, progress, space.spread, read)
            progress.grow(status.st_size)
            return _file(source, status, lambda file: read(file, progress.advance))
    except OSError as error:
        raise unreadable(error, source) from error


def file_content(source: Path, status: os.stat_result, progress: Progress, known: str | None = None) -> NewContent:
    """A file, which is not read where its md5 is known."""
    progress.grow(0 if known else status.st_size)
    return _file(source, status, lambda path: known or md5_of(path, progress.advance))


def _file(source: Path, status: os.stat_result, read: Read) -> NewContent:
    return NewContent(file_snapshot(source, status, 0, read), source)


def of_directory(
    source: Path, look: Look, progress: Progress, spread: Spread | None = None, read: Hash = md5_of
) -> NewContent:
    """A folder, of which only the files are read that are not known."""
    if spread is None:  # else it has a progress of its own
        progress.grow(look.unread_size)
    kept: list[bytes] = []

    def keep(pieces: Callable[[], Iterable[bytes]]) -> str:
        kept.append(b"".join(pieces()))
        return dir_oid(kept[0])

    found = directory_snapshot(
        source,
        look,
        lambda path: read(path, progress.advance),
        keep,
        is_plain=False,
        spread=None if spread is None else Elsewhere(spread, spread.hash),
    )
    return NewContent(found, source, directory=kept[0])


def named_by_dvc_2(source: Path, found: Snapshot) -> NewContent:
    """What stands in its place and is what a pointer of DVC 2 names."""
    tree = found.tree
    data = dir_object_bytes(tree.rows()) if tree is not None else None
    return NewContent(found, source, directory=data)


def check_source(source: Path) -> os.stat_result:
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
