"""UBJSON, as XGBoost writes it: https://ubjson.org, with the optimised arrays of draft 12."""

from __future__ import annotations

import struct

from cpv_hooks.model_formats.cursor import Cursor
from cpv_hooks.model_formats.record import UnreadableModel
from cpv_hooks.system.byte_source import ByteSource

_NUMBERS = {b"i": "b", b"U": "B", b"I": "h", b"l": "i", b"L": "q", b"d": "f", b"D": "d"}
_CONSTANTS: dict[bytes, object] = {b"T": True, b"F": False, b"Z": None, b"N": None}
_MAX_DEPTH = 100


def load_ubjson(source: ByteSource) -> object:
    """The one value of a document, which must be all of it."""
    cursor = Cursor(source, order=">")
    value = _value(cursor, cursor.take(1), 0)
    if cursor.left:
        raise UnreadableModel(f"it goes on for {cursor.left} bytes after its end")
    return value


def _value(cursor: Cursor, mark: bytes, depth: int) -> object:
    if mark in _NUMBERS:
        return cursor.value(_NUMBERS[mark])
    if mark in _CONSTANTS:
        return _CONSTANTS[mark]
    if mark == b"C":
        return cursor.take(1).decode("latin-1")
    if mark == b"S":
        return _text(cursor)
    if depth > _MAX_DEPTH or mark not in (b"[", b"{"):
        raise UnreadableModel(f"it has a value at byte {cursor.at} that cannot be there")
    return _array(cursor, depth) if mark == b"[" else _object(cursor, depth)


def _array(cursor: Cursor, depth: int) -> object:
    kind, count, first = _sizes(cursor)
    if count is None:
        found = list[object]()
        while first != b"]":
            found.append(_value(cursor, first, depth + 1))
            first = cursor.take(1)
        return found
    if kind in _NUMBERS:
        code = _NUMBERS[kind]
        data = cursor.take(count * struct.calcsize(f">{code}"))
        return list(struct.unpack(f">{count}{code}", data))
    if count > cursor.left:
        raise UnreadableModel(f"it has an array of {count} values")
    return [_value(cursor, kind or cursor.take(1), depth + 1) for _ in range(count)]


def _object(cursor: Cursor, depth: int) -> object:
    kind, count, first = _sizes(cursor)
    found: dict[str, object] = {}
    if count is not None:
        if count > cursor.left:
            raise UnreadableModel(f"it has an object of {count} values")
        for _ in range(count):
            key = _text(cursor)
            found[key] = _value(cursor, kind or cursor.take(1), depth + 1)
        return found
    while first != b"}":
        key = _text(cursor, first)
        found[key] = _value(cursor, cursor.take(1), depth + 1)
        first = cursor.take(1)
    return found


def _sizes(cursor: Cursor) -> tuple[bytes, int | None, bytes]:
    """The type and the number of values, where they are said beforehand, and the mark that follows where not."""
    mark, kind = cursor.take(1), b""
    if mark == b"$":
        kind, mark = cursor.take(1), cursor.take(1)
        if mark != b"#":
            raise UnreadableModel(f"it has a type without a number at byte {cursor.at}")
    return (kind, _length(cursor, cursor.take(1)), b"") if mark == b"#" else (kind, None, mark)


def _text(cursor: Cursor, mark: bytes | None = None) -> str:
    return cursor.take(_length(cursor, mark or cursor.take(1))).decode("utf-8", "replace")


def _length(cursor: Cursor, mark: bytes) -> int:
    if mark not in (b"i", b"U", b"I", b"l", b"L"):
        raise UnreadableModel(f"it has no length at byte {cursor.at}")
    return cursor.number(_NUMBERS[mark])
