"""Reading a header from its beginning on, number by number."""

from __future__ import annotations

import struct

from cpv_hooks.system.byte_source import MAX_READ, ByteSource, Cut

_WINDOW = 256 << 10


class Cursor:
    """Goes forward through a source; raises `Cut` beyond its end, or beyond `limit` bytes."""

    def __init__(self, source: ByteSource, at: int = 0, *, limit: int = MAX_READ, order: str = "<") -> None:
        self._source = source
        self.at = at
        self.order = order
        self._end = min(source.size, at + limit)
        self._held, self._start = b"", at

    def take(self, length: int) -> bytes:
        if length < 0 or self.at + length > self._end:
            raise Cut(f"it says that its header reaches byte {self.at + length}, but it has {self._end}")
        offset = self.at - self._start
        if offset < 0 or offset + length > len(self._held):
            wanted = min(max(length, _WINDOW), self._end - self.at)
            self._held, self._start, offset = self._source.read(self.at, wanted), self.at, 0
        self.at += length
        return self._held[offset : offset + length]

    def skip(self, length: int) -> None:
        """Go on without reading."""
        if length < 0 or self.at + length > self._end:
            raise Cut(f"it says that its header reaches byte {self.at + length}, but it has {self._end}")
        self.at += length

    def number(self, code: str) -> int:
        """A whole number, by its `struct` code."""
        return int(self.value(code))

    def value(self, code: str) -> int | float | bool:
        """A number, by its `struct` code."""
        (found,) = struct.unpack(self.order + code, self.take(struct.calcsize(self.order + code)))
        assert isinstance(found, int | float)
        return found

    def varint(self) -> int:
        """A whole number, seven bits a byte, the lowest first."""
        value = 0
        for place in range(10):
            (byte,) = self.take(1)
            value |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                return value
        raise Cut(f"it has a number before byte {self.at} that does not end")

    @property
    def left(self) -> int:
        """Bytes until the end."""
        return self._end - self.at
