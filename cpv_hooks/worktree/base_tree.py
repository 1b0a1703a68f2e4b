"""The files of a directory artifact at its base, and what they look like in a file of `trees/`."""

from __future__ import annotations

import os
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from typing import TYPE_CHECKING, BinaryIO

from cpv_hooks.dvcformat.directory_object import dir_object_bytes, dir_object_pieces
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.columns import OID_BYTES, HashColumn, NameColumn
from cpv_hooks.system.signatures import FolderListing

if TYPE_CHECKING:
    from cpv_hooks.system.atomic_files import BytesLike

_MAGIC = b"cpv-tree 1\n"
_UNKNOWN = -1  # in the place of a size
_NUMBERS = 4  # in a signature

NO_FILES: Mapping[str, str] = {}


class Absent(NamedTuple):
    """The files of a directory that are absent on purpose: relative path -> md5, and their bytes if that is known."""

    files: Mapping[str, str] = NO_FILES
    size: int | None = 0


class Tree(NamedTuple):
    """The files of a directory artifact at its base: relative path, md5 and signature, in step; and those which are
    absent on purpose, of which a deletion is none that anybody made."""

    listing: FolderListing
    oids: HashColumn
    absent: Absent = Absent()

    def rows(self) -> Iterator[tuple[str, str]]:
        """Relative path and md5 of each file that is there."""
        return zip(self.listing.names, self.oids, strict=True)

    def contents(self) -> dict[str, str]:
        """Relative path -> md5, of what is there."""
        return dict(self.rows())

    def whole(self) -> list[tuple[str, str]]:
        """Relative path and md5 of all that the directory object lists, in no order."""
        return [*self.rows(), *self.absent.files.items()]

    def dir_object(self) -> Iterator[bytes]:
        if self.absent.files:
            return iter([dir_object_bytes(self.whole())])
        return dir_object_pieces(self.listing.names, self.oids)


def encode(tree: Tree, oid: str) -> list[BytesLike]:
    """What `decode` reads, in pieces; `oid` is the base that it belongs to."""
    listing, (files, size) = tree.listing, tree.absent
    counts = array("q", [len(tree.oids), len(listing.names.text)])
    parts: list[BytesLike] = [oid.encode() + b"\n", counts, listing.numbers, tree.oids.data, listing.names.text]
    if files:
        # A file of this without such an end is one of which all is there.
        numbers = array("q", [len(files), _UNKNOWN if size is None else size])
        parts += [numbers, HashColumn.of(files.values()).data, NameColumn.of(files).text]
    return [_MAGIC, _checksum(parts).to_bytes(4, "big"), *parts]


def decode(stream: BinaryIO, oid: str) -> Tree | None:
    """The tree; None where the bytes are damaged or belong to another base.

    Each column is read into its own place: there is no second copy of a large tree.
    """
    start, head = stream.read(len(_MAGIC) + 4), oid.encode() + b"\n"
    if not start.startswith(_MAGIC) or stream.read(len(head)) != head:
        return None
    try:
        counts = _numbers(stream, 2)
        count, length = counts
        numbers = _numbers(stream, _NUMBERS * count)
    except EOFError:
        return None
    oids, names, end = stream.read(OID_BYTES * count), stream.read(length), stream.read()
    if int.from_bytes(start[len(_MAGIC) :], "big") != _checksum([head, counts, numbers, oids, names, end]):
        return None
    return Tree(FolderListing(NameColumn(names, count), numbers), HashColumn(oids), _decode_absent(end))


def _decode_absent(data: bytes) -> Absent:
    if not data:
        return Absent()
    count, size = array("q", data[:16])
    names = 16 + OID_BYTES * count
    files = dict(zip(NameColumn(data[names:], count), HashColumn(data[16:names]), strict=True))
    return Absent(files, None if size == _UNKNOWN else size)


def _numbers(stream: BinaryIO, count: int) -> array[int]:
    found = array("q")
    if not 0 <= count * found.itemsize <= os.fstat(stream.fileno()).st_size:
        raise EOFError
    found.fromfile(stream, count)
    return found


def _checksum(parts: Iterable[BytesLike]) -> int:
    return reduce(lambda found, part: zlib.crc32(part, found), parts, 0)
