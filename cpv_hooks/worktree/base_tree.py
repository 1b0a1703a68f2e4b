"""The files of a directory artifact at its base, and what they look like in a file of `trees/`."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cpv_hooks.system.signatures import FolderListing

_MAGIC = b"cpv-tree 1\n"
_UNKNOWN = -1  # in the place of a size

NO_FILES: Mapping[str, str] = {}


class Absent(NamedTuple):
    """The files of a directory that are absent on purpose: relative path -> md5, and their bytes if that is known."""

    files: Mapping[str, str] = NO_FILES
    size: int | None = 0


class Tree(NamedTuple):
    """The files of a directory artifact at its base: relative path, md5 and signature, in step; and those which are
    absent on purpose, of which a deletion is none that anybody made."""

    listing: FolderListing
    oids: list[str]
    absent: Absent = Absent()

    def contents(self) -> dict[str, str]:
        """Relative path -> md5, of what is there."""
        return dict(zip(self.listing.names, self.oids, strict=True))

    def whole(self) -> list[tuple[str, str]]:
        """Relative path and md5 of all that the directory object lists, in no order."""
        return [*zip(self.listing.names, self.oids, strict=True), *self.absent.files.items()]

    def by_name(self) -> dict[str, int]:
        """Positions by relative path."""
        return {name: position for position, name in enumerate(self.listing.names)}


def _text(names: Iterable[str]) -> bytes:
    return "\0".join(names).encode("utf-8", "surrogateescape")


def encode(tree: Tree, oid: str) -> bytes:
    """The bytes that `decode` reads; `oid` is the base that they belong to."""
    names = _text(tree.listing.names)
    oids = bytes.fromhex("".join(tree.oids))
    body = (
        oid.encode()
        + b"\n"
        + array("q", [len(tree.oids), len(names)]).tobytes()
        + tree.listing.numbers.tobytes()
        + oids
        + names
    )
    files, size = tree.absent
    if files:
        # A file of this without such an end is one of which all is there.
        numbers = array("q", [len(files), _UNKNOWN if size is None else size])
        body += numbers.tobytes() + bytes.fromhex("".join(files.values())) + _text(files)
    return _MAGIC + zlib.crc32(body).to_bytes(4, "big") + body


def decode(data: bytes, oid: str) -> Tree | None:
    """The tree; None where the bytes are damaged or belong to another base."""
    start = len(_MAGIC) + 4
    body = data[start:]
    head = oid.encode() + b"\n"
    sound = data.startswith(_MAGIC) and int.from_bytes(data[len(_MAGIC) : start], "big") == zlib.crc32(body)
    if not sound or not body.startswith(head):
        return None
    at = len(head)
    counts = array("q", body[at : at + 16])
    count, names_length = counts
    at += 16
    numbers = array("q", body[at : at + 32 * count])
    at += 32 * count
    text = body[at : at + 16 * count].hex()
    at += 16 * count
    names = _names(body[at : at + names_length]) if count else []
    return Tree(FolderListing(names, numbers), _oids(text), _decode_absent(body[at + names_length :]))


def _decode_absent(data: bytes) -> Absent:
    if not data:
        return Absent()
    count, size = array("q", data[:16])
    names = 16 + 16 * count
    files = dict(zip(_names(data[names:]), _oids(data[16:names].hex()), strict=True))
    return Absent(files, None if size == _UNKNOWN else size)


def _names(data: bytes) -> list[str]:
    return data.decode("utf-8", "surrogateescape").split("\0")


def _oids(digits: str) -> list[str]:
    return [digits[start : start + 32] for start in range(0, len(digits), 32)]
