"""Bytes that can be read anywhere: a file, a part of one, an object of a remote."""

from __future__ import annotations

import io
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

BLOCK = 64 << 10
_BLOCKS = 64
MAX_READ = 128 << 20
"""No header of a model is larger; a file that says otherwise is not believed."""
CHUNK = 4 << 20


class ByteSource(Protocol):
    """`size` bytes. `read` gives exactly the bytes of a range inside them; raises `CPVError` or `OSError`."""

    @property
    def size(self) -> int:
        """Bytes in all."""

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from `offset` on."""


class Cut(ValueError):
    """A range that goes beyond the end: a file that was cut, or lengths in it that cannot be."""


class FileSource:
    """A file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = os.stat(path).st_size

    def read(self, offset: int, length: int) -> bytes:
        refuse_outside(self.size, offset, length)
        with open(self.path, "rb", buffering=0) as stream:
            stream.seek(offset)
            data = b""
            while len(data) < length and (more := stream.read(length - len(data))):
                data += more
        if len(data) != length:
            raise Cut(f"it ends at byte {offset + len(data)}")
        return data


class BytesSource:
    """Bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        refuse_outside(self.size, offset, length)
        return self._data[offset : offset + length]


class LazySource:
    """A source that is opened when it is first needed."""

    def __init__(self, opening: Callable[[], ByteSource]) -> None:
        self._opening = opening
        self._opened: ByteSource | None = None

    @property
    def size(self) -> int:
        return self.opened().size

    def read(self, offset: int, length: int) -> bytes:
        return self.opened().read(offset, length)

    def opened(self) -> ByteSource:
        """The source itself."""
        if self._opened is None:
            self._opened = self._opening()
        return self._opened


def local_path(source: ByteSource) -> Path | None:
    """The file that a source reads; None for one that is elsewhere."""
    opened = source.opened() if isinstance(source, LazySource) else source
    return opened.path if isinstance(opened, FileSource) else None


class Part:
    """A part of a source."""

    def __init__(self, source: ByteSource, offset: int, size: int) -> None:
        refuse_outside(source.size, offset, size)
        self._source, self._offset, self.size = source, offset, size

    def read(self, offset: int, length: int) -> bytes:
        refuse_outside(self.size, offset, length)
        return self._source.read(self._offset + offset, length)

    def chunks(self) -> Iterator[bytes]:
        """All of it, a few megabytes at a time."""
        for start in range(0, self.size, CHUNK):
            yield self.read(start, min(CHUNK, self.size - start))


class Buffered:
    """A source of which small reads ask for blocks, which are kept: many reads of a header become few requests."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    @property
    def size(self) -> int:
        return self._source.size

    def read(self, offset: int, length: int) -> bytes:
        refuse_outside(self.size, offset, length)
        first, last = offset // BLOCK, (offset + length - 1) // BLOCK
        if length > BLOCK:
            held = self._blocks.get(first, b"")[offset % BLOCK :]
            return held + self._source.read(offset + len(held), length - len(held))
        data = b"".join(self._block(number) for number in range(first, last + 1))
        return data[offset - first * BLOCK :][:length]

    def _block(self, number: int) -> bytes:
        found = self._blocks.get(number)
        if found is None:
            start = number * BLOCK
            found = self._blocks[number] = self._source.read(start, min(BLOCK, self.size - start))
            if len(self._blocks) > _BLOCKS:
                self._blocks.popitem(last=False)
        else:
            self._blocks.move_to_end(number)
        return found


class SourceFile(io.RawIOBase):
    """A source as a file, for libraries that want one. No single read is larger than `MAX_READ`."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go elsewhere."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._source.size}[whence]
        if start + offset < 0:
            raise Cut("a position before its beginning")
        self._at = start + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        """So many bytes, or all that are left."""
        left = max(self._source.size - self._at, 0)
        length = left if size is None or size < 0 else min(size, left)
        if length > MAX_READ:
            raise Cut(f"a header of {length} bytes")
        data = self._source.read(self._at, length) if length else b""
        self._at += length
        return data

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)


def refuse_outside(size: int, offset: int, length: int) -> None:
    """Raise `Cut` for a range that is not inside so many bytes."""
    if offset < 0 or length < 0 or offset + length > size:
        raise Cut(f"it says that there are bytes up to {offset + length}, but it has {size}")
