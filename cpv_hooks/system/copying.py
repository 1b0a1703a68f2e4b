"""Bytes hashed as they are copied: what gets the hash is what was written."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from functools import partial
from typing import BinaryIO

from cpv_hooks.system.copying_ahead import CHUNK, writing
from cpv_hooks.system.write_back import write_back

_THREADED_FROM = 8 * CHUNK
_FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file
_SMALL = 64 << 10  # bytes


def copy_and_hash(
    reader: BinaryIO, writer: BinaryIO | None, advance: Callable[[int], None], *, writes_back: bool = False
) -> tuple[str, int]:
    """Copy all of a file to `writer`, or read it only; returns the md5 in hex and the size in bytes.

    The bytes of a large file are written while they are hashed, on another thread. With `writes_back` the file's own
    changed pages are on their way to the disk before they are read. Raises `OSError` of either side.
    """
    size = os.fstat(reader.fileno()).st_size
    if writer is None:
        reader.seek(0)
    elif size >= _THREADED_FROM:
        from cpv_hooks.system.copying_ahead import Ahead

        with Ahead(reader, writer, writes_back=writes_back) as chunks:
            return _digest(chunks, None, advance)
    elif writes_back:
        write_back(reader.fileno())
    # A byte more than there is, so that a small file takes one read and the end another: a large buffer is expensive.
    most = min(CHUNK, size + 1)
    return _digest(iter(partial(reader.read, most), b""), None if writer is None else writing(writer), advance)


def _digest(
    chunks: Iterable[bytes], write: Callable[[bytes], None] | None, advance: Callable[[int], None]
) -> tuple[str, int]:
    digest, size = hashlib.md5(usedforsecurity=False), 0
    for chunk in chunks:
        if write is not None:
            write(chunk)
        digest.update(chunk)
        size += len(chunk)
        advance(len(chunk))
    return digest.hexdigest(), size


def reflink(source: int, target: int) -> bool:
    """Let `target` share the blocks of `source`; False where the file system cannot."""
    try:
        import fcntl

        fcntl.ioctl(target, _FICLONE, source)
    except (ImportError, OSError):
        return False
    return True


def read_small(path: str) -> tuple[str, bytes] | None:
    """The md5 in hex and the bytes of a file of some kilobytes, by three calls of the kernel instead of eight.

    None for any other, an empty one and one that cannot be read among them. Whoever compares the hash with the one
    that the file must have sees that it was read to its end.
    """
    try:
        # What is no regular file must not keep the opener waiting.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        data = os.read(descriptor, _SMALL)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    # A full buffer may be the beginning of more; nothing is what a pipe has, too.
    return (hashlib.md5(data, usedforsecurity=False).hexdigest(), data) if 0 < len(data) < _SMALL else None
