"""The wire format of Protocol Buffers, field by field, without reading what is not asked for.

https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator

from cpv_hooks.model_formats.record import UnreadableModel
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.byte_source import ByteSource

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10
_WIDTHS = {_FIXED64: 8, _FIXED32: 4}
MAX_FIELDS = 2_000_000


class Field(NamedTuple):
    """A field: a number, or where its bytes are."""

    number: int
    value: int | None
    start: int
    end: int


class Message:
    def __init__(self, source: ByteSource, start: int = 0, end: int | None = None) -> None:
        self._source = source
        self._start = start
        self._end = source.size if end is None else end

    def fields(self) -> Iterator[Field]:
        """All fields; `Unreadable` where one goes beyond the message."""
        at = self._start
        for _ in range(MAX_FIELDS):
            if at == self._end:
                return
            tag, at = self._varint(at)
            number, wire = tag >> 3, tag & 7
            if wire == _VARINT:
                value, at = self._varint(at)
                yield Field(number, value, at, at)
                continue
            length = _WIDTHS.get(wire)
            if wire == _BYTES:
                length, at = self._varint(at)
            if length is None or number == 0 or at + length > self._end:
                raise UnreadableModel(f"it has a field at byte {at} that cannot be there")
            yield Field(number, None, at, at + length)
            at += length
        raise UnreadableModel(f"it has more than {MAX_FIELDS} fields")

    def message(self, field: Field) -> Message:
        return Message(self._source, field.start, field.end)

    def text(self, field: Field, limit: int = 1000) -> str:
        return self._source.read(field.start, min(field.end - field.start, limit)).decode("utf-8", "replace")

    def numbers(self, field: Field) -> list[int]:
        """A field that is a number, or several packed together."""
        if field.value is not None:
            return [field.value]
        found, at = list[int](), field.start
        while at < field.end and len(found) <= 64:
            value, at = self._varint(at)
            found.append(value)
        return found

    def _varint(self, at: int) -> tuple[int, int]:
        data = self._source.read(at, min(_LONGEST_VARINT, self._end - at))
        value = 0
        for place, byte in enumerate(data):
            value |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                return value, at + place + 1
        raise UnreadableModel(f"it has a number at byte {at} that does not end")
