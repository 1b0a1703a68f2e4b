"""Bytes hashed as they are copied: what gets the hash is what was written."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from cpv_hooks.system.copying_ahead import CHUNK, writing
from cpv_hooks.system.write_back import write_back

_THREADED_FROM = 8 * CHUNK


def chunk_for(reader: BinaryIO) -> int:
    """How many bytes to read at a time: a small file's size, because allocating a large buffer is expensive."""
    return min(CHUNK, os.fstat(reader.fileno()).st_size + 1)


def copy_and_hash(
    reader: BinaryIO, writer: BinaryIO | None, advance: Callable[[int], None], *, writes_back: bool = False
) -> tuple[str, int]:
    """Copy all of a file to `writer`, or read it only; returns the md5 in hex and the size in bytes.

    The bytes of a large file are written while they are hashed, on another thread. With `writes_back` the file's own
    changed pages are on their way to the disk before they are read. Raises `OSError` of either side.
    """
    if writer is None:
        reader.seek(0)
    elif os.fstat(reader.fileno()).st_size >= _THREADED_FROM:
        from cpv_hooks.system.copying_ahead import Ahead

        with Ahead(reader, writer, writes_back=writes_back) as chunks:
            return _digest(chunks, advance)
    elif writes_back:
        write_back(reader.fileno())
    return _digest(_chunks(reader, None if writer is None else writing(writer)), advance)


def _chunks(reader: BinaryIO, write: Callable[[bytes], None] | None) -> Iterator[bytes]:
    most = chunk_for(reader)
    while chunk := reader.read(most):
        if write is not None:
            write(chunk)
        yield chunk


def _digest(chunks: Iterable[bytes], advance: Callable[[int], None]) -> tuple[str, int]:
    digest, size = hashlib.md5(usedforsecurity=False), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
        advance(len(chunk))
    return digest.hexdigest(), size
