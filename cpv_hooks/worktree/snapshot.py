"""Snapshot: an artifact's content into the cache, and the pointer that names it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from cpv_hooks.dvcformat.file_versions import Stored
from cpv_hooks.dvcformat.pointer import Content
from cpv_hooks.errors import disk_error
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.columns import OID_BYTES, HashColumn
from cpv_hooks.system.signatures import FolderListing, Signature, signature
from cpv_hooks.worktree.base_index import BaseEntry
from cpv_hooks.worktree.known_files import NUMBERS, BeingWritten, Look, look_at_folder
from cpv_hooks.worktree.workspace import Workspace

if TYPE_CHECKING:
    from cpv_hooks.worktree.base_tree import Tree
    from cpv_hooks.worktree.spread import FilePart, Spread

T = TypeVar("T")
_WORKERS = 4
_THREADED_FROM = 1 << 20  # bytes; below that a thread costs more than the hash


class Snapshot(NamedTuple):
    """What the pointer of an artifact is to say, and its new base."""

    content: Content
    entry: BaseEntry
    tree: Tree | None = None

    @property
    def files(self) -> list[Stored] | None:
        """The files of a directory, with their sizes; they lie nowhere but in the cache yet."""
        if self.tree is None:
            return None
        sizes = self.tree.listing.numbers[::NUMBERS]
        return [Stored(*row, size) for row, size in zip(self.tree.rows(), sizes, strict=True)]


def is_executable(status: os.stat_result) -> bool:
    """Whether DVC would note the file as executable (`dvc_data.hashfile.meta`)."""
    return bool(status.st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH))


Read = Callable[[str | Path], str]
"""Gives a file's md5: of a store that writes, once its cache has the content; of a plan, and nothing is written."""


def take_file(space: Workspace, path: str) -> Snapshot:
    """Snapshot one file. Raises `BeingWritten`, `FileNotFoundError`, or `CPVError` for a disk that refuses."""
    target = space.target(path)
    from cpv_hooks.worktree.verified_in_cache import remember_object

    found = file_snapshot(target, *space.settled(target), _into_cache(space))
    remember_object(space.cache, space.index, found.content.oid)
    return found


def file_snapshot(target: Path, status: os.stat_result, checked: int, read: Read) -> Snapshot:
    """What a file of this status is; `checked` is the file system's time (ns) before that was asked."""
    oid = unchanged(target, signature(status), lambda: read(target))
    isexec = is_executable(status)
    return Snapshot(Content(oid, status.st_size, isexec=isexec), BaseEntry(oid, isexec, signature(status), checked))


def _into_cache(space: Workspace) -> Read:
    return lambda path: space.cache.add_file(path, space.advance)[0]


class Elsewhere(NamedTuple):
    """Other machines, and what they are to do with files: `Spread.hash` or `Spread.store`."""

    by: Spread
    read: Callable[[Path, Sequence[FilePart]], list[str]]


def take_directory(space: Workspace, path: str, look: Look | None = None) -> Snapshot:
    """Snapshot a directory; files whose signature is still that of the base are not read again.

    A `look` of just now serves where no file is racy against it, for what was changed is looked at once more when it
    has been read.
    """
    from cpv_hooks.worktree.verified_in_cache import LARGE_OBJECT, remember_object

    look = look if look is not None and look.listing.newest < look.before else look_at_folder(space, path)
    target, spread = space.target(path), space.spread
    found = directory_snapshot(
        target,
        look,
        _into_cache(space),
        space.cache.add_directory,
        is_plain=space.is_plain(path),
        spread=None if spread is None else Elsewhere(spread, spread.store),
    )
    for at in look.known.unread:
        if found.tree is not None and look.listing.numbers[NUMBERS * at] >= LARGE_OBJECT:
            remember_object(space.cache, space.index, found.tree.oids[at])
    return found


def directory_snapshot(
    root: Path,
    look: Look,
    read: Read,
    keep: Callable[[Callable[[], Iterable[bytes]]], str],
    *,
    is_plain: bool,
    spread: Elsewhere | None = None,
) -> Snapshot:
    """What the directory `root` is; the files that are not known are read, large ones side by side.

    `keep` takes what gives the pieces of the directory object, and returns its hash.
    """
    from cpv_hooks.worktree.base_tree import Absent, Tree

    listing, unread, absent = look.listing, look.known.unread, look.absent or Absent()
    oids = bytearray(look.known.oids.data)
    for at, oid in zip(unread, _read_somewhere(root, listing, unread, read, spread), strict=True):
        oids[OID_BYTES * at : OID_BYTES * (at + 1)] = bytes.fromhex(oid)
    tree = Tree(listing, HashColumn(oids), absent)
    oid = keep(tree.dir_object)
    size = None if absent.size is None else listing.size + absent.size
    return Snapshot(
        Content(oid, size, nfiles=len(listing) + len(absent.files)),
        BaseEntry(oid, checked=look.before, plain=is_plain, left_out=bool(absent.files)),
        tree,
    )


def unchanged(path: str | Path, before: Signature, read: Callable[[], T]) -> T:
    """What `read` makes of a file whose signature is `before` then and afterwards; else `BeingWritten`."""
    try:
        found = read()
        after = signature(os.stat(path))
    except FileNotFoundError as error:
        if error.filename is not None and os.path.lexists(path):
            raise disk_error(error, Path(error.filename)) from error  # the cache's folder
        raise BeingWritten(path) from None
    if after != before:
        raise BeingWritten(path)
    return found


def _read_somewhere(
    root: Path, listing: FolderListing, unread: Sequence[int], read: Read, spread: Elsewhere | None
) -> Iterable[str]:
    if spread is not None:
        from cpv_hooks.worktree.spread import FilePart

        parts = [
            FilePart(name, listing.signature(at)) for name, at in zip(listing.names.pick(unread), unread, strict=True)
        ]
        if spread.by.is_worth(parts):
            return spread.read(root, parts)
    return _read_all(root, listing, unread, read)


def _read_all(root: Path, listing: FolderListing, unread: Sequence[int], read: Read) -> Iterator[str]:
    def one(at: int, name: str) -> str:
        path = f"{root}/{name}"
        return unchanged(path, listing.signature(at), lambda: read(path))

    large = [at for at in unread if listing.numbers[NUMBERS * at] >= _THREADED_FROM]
    files = zip(unread, listing.names.pick(unread), strict=True)
    if len(large) < 2:
        yield from (one(at, name) for at, name in files)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_WORKERS) as pool:
        futures = {at: pool.submit(one, at, listing.names[at]) for at in large}
        for at, name in files:
            yield futures[at].result() if at in futures else one(at, name)
