"""What is known of a directory's files without reading them, by their signatures and the base."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.columns import OID_BYTES, HashColumn
from cpv_hooks.system.signatures import FolderListing
from cpv_hooks.worktree.workspace import Workspace

if TYPE_CHECKING:
    from cpv_hooks.worktree.base_tree import Absent, Tree

NUMBERS = 4  # in a signature
_RUN = 256  # files whose signatures are compared at once


class BeingWritten(CPVError):
    """An artifact changed while it was read; a commit of it would be torn."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(
            "is being written", where=str(path), fix="wait for the writer to finish, then repeat the command"
        )


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
        return sum(self.listing.numbers[NUMBERS * at] for at in self.known.unread)


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
    times = (listing.numbers[1::NUMBERS], listing.numbers[2::NUMBERS])
    racy = (at for each in times for at, time in enumerate(each) if time >= checked)
    return KnownFiles(found.oids, sorted({*found.unread, *racy}))


def _unchanged(listing: FolderListing, base: Tree) -> KnownFiles:
    here, there, width = listing.numbers, base.listing.numbers, NUMBERS
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
