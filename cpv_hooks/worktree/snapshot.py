"""Snapshot: an artifact's content into the cache, and the pointer that names it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cpv_hooks.dvcformat.directory_object import dir_object_bytes, dir_oid
from cpv_hooks.dvcformat.file_versions import Stored
from cpv_hooks.dvcformat.pointer import Content
from cpv_hooks.errors import CPVError
from cpv_hooks.system.signatures import FolderListing, Signature, signature
from cpv_hooks.worktree.base_index import BaseEntry
from cpv_hooks.worktree.workspace import Workspace

if TYPE_CHECKING:
    from cpv_hooks.worktree.base_tree import Absent, Tree
    from cpv_hooks.worktree.spread import FilePart, Spread

_WORKERS = 4
_NUMBERS = 4  # in a signature
_RUN = 256  # files whose signatures are compared at once
_THREADED_FROM = 1 << 20  # bytes; below that a thread costs more than the hash


class BeingWritten(CPVError):
    """An artifact changed while it was read; a commit of it would be torn."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            "is being written", where=str(path), fix="wait for the writer to finish, then repeat the command"
        )


class Snapshot(NamedTuple):
    """What the pointer of an artifact is to say, and its new base."""

    content: Content
    entry: BaseEntry
    tree: Tree | None = None

    @property
    def oids(self) -> list[str]:
        """The hash of each file of a directory."""
        return self.tree.oids if self.tree is not None else []

    @property
    def files(self) -> list[Stored] | None:
        """The files of a directory, with their sizes; they lie nowhere but in the cache yet."""
        if self.tree is None:
            return None
        listing = self.tree.listing
        sizes = (listing.signature(position)[0] for position in range(len(listing)))
        return [Stored(*row) for row in zip(listing.names, self.tree.oids, sizes, strict=True)]


def is_executable(status: os.stat_result) -> bool:
    """Whether DVC would note the file as executable (`dvc_data.hashfile.meta`)."""
    return bool(status.st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH))


Read = Callable[[Path], str]
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


class Look(NamedTuple):
    """A directory's files, the file system's time (ns) just before they were listed, and what their base says of each:
    its md5, or None where it must be read; `absent` are files that are not there on purpose and belong to it."""

    listing: FolderListing
    before: int
    known: list[str | None]
    absent: Absent | None = None


def look_at_folder(space: Workspace, path: str) -> Look:
    """Look at a directory, again where a file is racy."""
    entry = space.index.entries.get(path)
    # Files that DVC 2 named have another hash now.
    base = space.index.read_tree(path, entry.oid) if entry and not entry.legacy else None
    listing, now = space.settled_listing(path)
    known = known_oids(listing, base, entry.checked if entry else 0)
    return Look(listing, now, known, absent_at_base(space, path, listing))


def absent_at_base(space: Workspace, path: str, listing: FolderListing) -> Absent | None:
    """The files of a directory that are absent on purpose; mostly none, and then nothing is loaded."""
    entry = space.index.entries.get(path)
    if entry is None or not entry.left_out or not entry.isdir:
        return None
    from cpv_hooks.worktree.absent_files import absent_beside

    return absent_beside(space, path, entry, listing.names)


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
        space.cache.add_bytes,
        is_plain=space.is_plain(path),
        spread=None if spread is None else Elsewhere(spread, spread.store),
    )
    for at, (known, oid) in enumerate(zip(look.known, found.oids, strict=True)):
        if known is None and look.listing.signature(at)[0] >= LARGE_OBJECT:
            remember_object(space.cache, space.index, oid)
    return found


def directory_snapshot(
    root: Path,
    look: Look,
    read: Read,
    keep: Callable[[str, bytes], None],
    *,
    is_plain: bool,
    spread: Elsewhere | None = None,
) -> Snapshot:
    """What the directory `root` is; the files that are not known are read, large ones side by side.

    `keep` is given the hash and the bytes of the directory object.
    """
    listing, oids = look.listing, list(look.known)
    unknown = [at for at, oid in enumerate(oids) if oid is None]
    for at, oid in zip(unknown, _read_somewhere(root, listing, unknown, read, spread), strict=True):
        oids[at] = oid
    known = [oid for oid in oids if oid is not None]
    from cpv_hooks.worktree.base_tree import Absent, Tree

    absent = look.absent or Absent()
    tree = Tree(listing, known, absent)
    data = dir_object_bytes(tree.whole())
    oid = dir_oid(data)
    keep(oid, data)
    size = None if absent.size is None else listing.size + absent.size
    return Snapshot(
        Content(oid, size, nfiles=len(listing) + len(absent.files)),
        BaseEntry(oid, checked=look.before, plain=is_plain, left_out=bool(absent.files)),
        tree,
    )


def known_oids(listing: FolderListing, base: Tree | None, checked: int) -> list[str | None]:
    """The md5 of each file whose signature is that of `base`, taken at `checked`; None for the others."""
    if base is None:
        return [None] * len(listing)
    if listing.numbers == base.listing.numbers and listing.names == base.listing.names and listing.newest < checked:
        return list(base.oids)
    oids = _unchanged(listing, base)
    if listing.newest >= checked:
        for at, times in enumerate(zip(listing.numbers[1::_NUMBERS], listing.numbers[2::_NUMBERS], strict=True)):
            if max(times) >= checked:
                oids[at] = None
    return oids


def _unchanged(listing: FolderListing, base: Tree) -> list[str | None]:
    # Four numbers are compared as their bytes: a hundred thousand of them in the time of a few tuples each.
    here, there = listing.numbers.tobytes(), base.listing.numbers.tobytes()
    width = _NUMBERS * listing.numbers.itemsize
    found: list[str | None] = [None] * len(listing)
    if listing.names == base.listing.names:
        for start in range(0, len(listing), _RUN):
            run = slice(start * width, (start + _RUN) * width)
            if here[run] == there[run]:
                found[start : start + _RUN] = base.oids[start : start + _RUN]
                continue
            for at in range(start, min(start + _RUN, len(listing))):
                if here[at * width : (at + 1) * width] == there[at * width : (at + 1) * width]:
                    found[at] = base.oids[at]
        return found
    positions = base.by_name()
    for at, name in enumerate(listing.names):
        old = positions.get(name)
        if old is not None and here[at * width : (at + 1) * width] == there[old * width : (old + 1) * width]:
            found[at] = base.oids[old]
    return found


def unchanged(path: Path, before: Signature, read: Callable[[], str]) -> str:
    """What `read` makes of a file whose signature is `before` then and afterwards; else `BeingWritten`."""
    try:
        oid = read()
        after = signature(path.stat())
    except FileNotFoundError:
        raise BeingWritten(path) from None
    if after != before:
        raise BeingWritten(path)
    return oid


def _read_somewhere(
    root: Path, listing: FolderListing, unknown: list[int], read: Read, spread: Elsewhere | None
) -> list[str]:
    if spread is not None:
        from cpv_hooks.worktree.spread import FilePart

        parts = [FilePart(listing.names[at], listing.signature(at)) for at in unknown]
        if spread.by.is_worth(parts):
            return spread.read(root, parts)
    return _read_all(root, listing, unknown, read)


def _read_all(root: Path, listing: FolderListing, unknown: list[int], read: Read) -> list[str]:
    def one(at: int) -> str:
        path = root / listing.names[at]
        return unchanged(path, listing.signature(at), lambda: read(path))

    large = [at for at in unknown if listing.signature(at)[0] >= _THREADED_FROM]
    if len(large) < 2:
        return [one(at) for at in unknown]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_WORKERS) as pool:
        futures = {at: pool.submit(one, at) for at in large}
        return [futures[at].result() if at in futures else one(at) for at in unknown]
