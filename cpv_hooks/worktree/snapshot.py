"""Snapshot: an artifact's content into the cache, and the pointer that names it."""

from __future__ import annotations

import os
import stat
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cpv_hooks.dvcformat.file_versions import Stored
from cpv_hooks.dvcformat.pointer import Content
from cpv_hooks.errors import CPVError, disk_error
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.columns import OID_BYTES, HashColumn
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

    def __init__(self, path: str | Path) -> None:
        super().__init__(
            "is being written", where=str(path), fix="wait for the writer to finish, then repeat the command"
        )


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
        sizes = self.tree.listing.numbers[::_NUMBERS]
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


class KnownFiles(NamedTuple):
    """What is known of a directory's files without reading them: the md5 of each, but for those at the positions
    `unread`."""

    oids: HashColumn
    unread: Sequence[int]

    @classmethod
    def nothing(cls, count: int) -> KnownFiles:
        """So many files, of which nothing is known."""
        return cls(HashColumn(bytes(OID_BYTES * count)), range(count))


class Look(NamedTuple):
    """A directory's files, the file system's time (ns) just before they were listed, and what is known of each;
    `absent` are files that are not there on purpose and belong to it."""

    listing: FolderListing
    before: int
    known: KnownFiles
    absent: Absent | None = None

    @property
    def unread_size(self) -> int:
        """The bytes of the files that must be read."""
        return sum(self.listing.numbers[_NUMBERS * at] for at in self.known.unread)


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
        space.cache.add_directory,
        is_plain=space.is_plain(path),
        spread=None if spread is None else Elsewhere(spread, spread.store),
    )
    for at in look.known.unread:
        if found.tree is not None and look.listing.numbers[_NUMBERS * at] >= LARGE_OBJECT:
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


def known_oids(listing: FolderListing, base: Tree | None, checked: int) -> KnownFiles:
    """The md5 of each file whose signature is that of `base`, taken at `checked`; the others are to be read."""
    if base is None:
        return KnownFiles.nothing(len(listing))
    is_racy = listing.newest >= checked
    if listing == base.listing and not is_racy:
        return KnownFiles(base.oids, range(0))
    found = _unchanged(listing, base)
    if not is_racy:
        return found
    times = (listing.numbers[1::_NUMBERS], listing.numbers[2::_NUMBERS])
    racy = (at for each in times for at, time in enumerate(each) if time >= checked)
    return KnownFiles(found.oids, sorted({*found.unread, *racy}))


def _unchanged(listing: FolderListing, base: Tree) -> KnownFiles:
    here, there, width = listing.numbers, base.listing.numbers, _NUMBERS
    if listing.names == base.listing.names:
        unread = array("q")
        for start in range(0, len(listing), _RUN):
            run = slice(start * width, (start + _RUN) * width)
            if here[run] != there[run]:
                for at in range(start, min(start + _RUN, len(listing))):
                    if here[at * width : (at + 1) * width] != there[at * width : (at + 1) * width]:
                        unread.append(at)
        return KnownFiles(base.oids, unread)
    oids, unread = bytearray(OID_BYTES * len(listing)), array("q")
    olds = enumerate(base.listing.names)
    old, known = next(olds, (0, None))
    for at, name in enumerate(listing.names):
        while known is not None and known < name:
            old, known = next(olds, (0, None))
        if known == name and here[at * width : (at + 1) * width] == there[old * width : (old + 1) * width]:
            oids[OID_BYTES * at : OID_BYTES * (at + 1)] = base.oids.data[OID_BYTES * old : OID_BYTES * (old + 1)]
        else:
            unread.append(at)
    return KnownFiles(HashColumn(oids), unread)


def unchanged(path: str | Path, before: Signature, read: Callable[[], str]) -> str:
    """What `read` makes of a file whose signature is `before` then and afterwards; else `BeingWritten`."""
    try:
        oid = read()
        after = signature(os.stat(path))
    except FileNotFoundError as error:
        if error.filename is not None and os.path.lexists(path):
            raise disk_error(error, Path(error.filename)) from error  # the cache's folder
        raise BeingWritten(path) from None
    if after != before:
        raise BeingWritten(path)
    return oid


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

    large = [at for at in unread if listing.numbers[_NUMBERS * at] >= _THREADED_FROM]
    files = zip(unread, listing.names.pick(unread), strict=True)
    if len(large) < 2:
        yield from (one(at, name) for at, name in files)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_WORKERS) as pool:
        futures = {at: pool.submit(one, at, listing.names[at]) for at in large}
        for at, name in files:
            yield futures[at].result() if at in futures else one(at, name)
