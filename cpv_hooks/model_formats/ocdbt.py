"""OCDBT, TensorStore's key-value store in files, in which Orbax keeps arrays and what describes them.

https://google.github.io/tensorstore/kvstore/ocdbt/index.html#storage-format
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping

from cpv_hooks.model_formats.cursor import Cursor
from cpv_hooks.model_formats.record import UnreadableModel
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.byte_source import MAX_READ, ByteSource, BytesSource

MANIFEST = "manifest.ocdbt"
_OF_MANIFEST, _OF_NODE = 0x0CDB3A2A, 0x0CDB20DE
_CHECKSUM = 4
_MAX_NODES = 10_000
_MAX_VALUE = 1 << 20


class NeedsZstandard(Exception):
    """Its nodes are compressed, and no library is there that unpacks them."""


class _Place(NamedTuple):
    """Where a node is, and what all keys below it begin with. `folder` is that of the files which the node names."""

    folder: str
    file: str
    offset: int
    length: int
    prefix: bytes = b""


def values(files: Mapping[str, ByteSource], folder: str, endings: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """What the newest version has under keys with these endings. `folder` is the database's, with a slash behind it.

    `Unreadable` for what is no such database; `NeedsZstandard`.
    """
    source = files[folder + MANIFEST]
    left = [_root(_unpacked(source.read(0, min(source.size, MAX_READ)), _OF_MANIFEST), folder)]
    room = MAX_READ
    for _ in range(_MAX_NODES):
        if not left:
            return
        place = left.pop()
        node = _unpacked(_bytes(files, place.file, place.offset, place.length), _OF_NODE)
        room -= node.left
        if room < 0:
            break
        is_leaf = node.number("B") == 0
        named = _files(node, place.folder)
        if is_leaf:
            yield from _leaf(node, named, place.prefix, files, endings)
        else:
            left += _children(node, named, place.prefix)
    raise UnreadableModel("its database is larger than any that describes arrays")


def _root(manifest: Cursor, folder: str) -> _Place:
    manifest.take(16)  # its id
    if manifest.varint() != 0:
        raise UnreadableModel("its manifest is in several files")
    manifest.varint()  # the limit of inline values
    manifest.varint()  # and that of nodes
    manifest.number("B")
    if manifest.varint():
        manifest.take(4)  # the level of compression
    named = _files(manifest, folder)
    count = manifest.varint()
    numbers = _numbers(manifest, count)
    if not numbers:
        raise UnreadableModel("its database has no version")
    manifest.take(count)  # heights
    ids, offsets, lengths = (_numbers(manifest, count) for _ in range(3))
    within, file = named[ids[-1]]
    return _Place(within, file, offsets[-1], lengths[-1])


def _children(node: Cursor, named: list[tuple[str, str]], prefix: bytes) -> list[_Place]:
    count = node.varint()
    keys = _names(node, count, marked=True)
    ids, offsets, lengths = (_numbers(node, count) for _ in range(3))
    return [
        _Place(*named[number], offset, length, prefix + key[:shared])
        for (key, shared), number, offset, length in zip(keys, ids, offsets, lengths, strict=True)
    ]


def _leaf(
    node: Cursor,
    named: list[tuple[str, str]],
    prefix: bytes,
    files: Mapping[str, ByteSource],
    endings: tuple[str, ...],
) -> Iterator[tuple[str, bytes]]:
    count = node.varint()
    keys = _names(node, count, marked=False)
    lengths, kinds = _numbers(node, count), _numbers(node, count)
    elsewhere = sum(map(bool, kinds))
    places = iter(list(zip(_numbers(node, elsewhere), _numbers(node, elsewhere), strict=True)))
    for (key, _), length, kind in zip(keys, lengths, kinds, strict=True):
        name = (prefix + key).decode("utf-8", "replace")
        at = next(places) if kind else None
        if not name.endswith(endings):
            node.skip(0 if at else length)
        elif at is None:
            yield name, node.take(length)
        elif length <= _MAX_VALUE:
            yield name, _bytes(files, named[at[0]][1], at[1], length)


def _files(node: Cursor, folder: str) -> list[tuple[str, str]]:
    """The data files that a node names: the folder of those that they name in turn, and their paths."""
    names = [(name.decode(), base) for name, base in _names(node, node.varint(), marked=True)]
    return [(folder + name[:base], folder + name) for name, base in names]


def _names(node: Cursor, count: int, *, marked: bool) -> list[tuple[bytes, int]]:
    """Names, of which each begins as the one before it; where they are `marked`, with the number that each has."""
    shared = [0, *_numbers(node, count - 1)]
    lengths = _numbers(node, count)
    marks = _numbers(node, count) if marked else [0] * len(lengths)
    found, name = [], b""
    for start, length, mark in zip(shared, lengths, marks, strict=False):
        name = name[:start] + node.take(length)
        found.append((name, mark))
    return found


def _numbers(node: Cursor, count: int) -> list[int]:
    return [node.varint() for _ in range(count)]


def _bytes(files: Mapping[str, ByteSource], name: str, offset: int, length: int) -> bytes:
    if name not in files:
        raise UnreadableModel(f"{name[:100]} is missing")
    if length > MAX_READ:
        raise UnreadableModel(f"a node of it has {length} bytes")
    return files[name].read(offset, length)


def _unpacked(data: bytes, magic: int) -> Cursor:
    head = Cursor(BytesSource(data))
    if head.take(4) != magic.to_bytes(4, "big") or head.number("Q") != len(data) or head.varint() != 0:
        raise UnreadableModel("it is no database of this format, or was cut")
    compression = head.varint()
    body = data[head.at : -_CHECKSUM]
    if compression > 1:
        raise UnreadableModel(f"it is compressed in a way ({compression}) that is not known here")
    return Cursor(BytesSource(_decompressed(body) if compression else body))


def _decompressed(data: bytes) -> bytes:
    try:
        import zstandard
    except ImportError as error:
        raise NeedsZstandard from error
    reader = zstandard.ZstdDecompressor(max_window_size=MAX_READ).stream_reader(io.BytesIO(data))
    try:
        found: bytes = reader.read(MAX_READ)
    except zstandard.ZstdError as error:
        raise UnreadableModel(str(error)) from error
    return found
