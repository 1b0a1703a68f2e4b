"""A file copied on a thread of its own, some chunks ahead of the one who hashes them.

Hashing takes longer than copying. The kernel copies, where it can, in a fifth of the time that reading and writing take
(copy_file_range(2)); then what is hashed is read from the copy. Else one thread reads and writes, and finds the bytes
that it has just read in the processor's cache.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from threading import Semaphore, Thread
from typing import TYPE_CHECKING, BinaryIO

from cpv_hooks.system.write_back import write_back

if TYPE_CHECKING:
    from queue import SimpleQueue

_AHEAD = 8  # chunks that are read and not yet hashed: the bound of the memory
_PIECE = 8 << 20
_LEFT_TO_US = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.EPERM, errno.ETXTBSY}


class Ahead:
    """Copies a file for the length of a block, and gives its chunks; an error of either side is raised after them."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO, *, writes_back: bool = False) -> None:
        from queue import SimpleQueue  # who copies a small file does without it

        self._writes_back = writes_back
        self._reader, self._writer, self._write = reader, writer, writing(writer)
        self._chunks: SimpleQueue[bytes] = SimpleQueue()
        self._room = Semaphore(_AHEAD)
        self._error: BaseException | None = None
        self._is_stopped = False
        self._thread = Thread(target=self._work, daemon=True)

    def __enter__(self) -> Ahead:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # The files must not be closed under the thread, whatever stopped the one who hashes.
        self._is_stopped = True
        self._room.release()
        self._thread.join()

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self._chunks.get():
            yield chunk
            self._room.release()
        # The last chunk is written before the end is told.
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        try:
            for chunk in self._copied():
                self._room.acquire()
                if self._is_stopped:
                    return
                self._chunks.put(chunk)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the other thread
            self._error = error
        self._chunks.put(b"")

    def _copied(self) -> Iterator[bytes]:
        """The chunks, each when it is in the copy."""
        at = 0
        while count := self._copied_by_kernel():
            end = at + count
            while at < end:
                chunk = os.pread(self._writer.fileno(), min(CHUNK, end - at), at)
                if not chunk:
                    raise OSError(errno.EIO, "the copy is shorter than what was copied")
                at += len(chunk)
                yield chunk
        if self._writes_back:
            # What the kernel did not copy is read here.
            write_back(self._reader.fileno(), self._reader.tell(), waits=False)
        while chunk := self._reader.read(CHUNK):
            self._write(chunk)
            yield chunk

    def _copied_by_kernel(self) -> int:
        """Copy a piece; 0 at the end, and where the kernel leaves it to us."""
        if self._writes_back:
            write_back(self._reader.fileno(), self._reader.tell(), _PIECE, waits=False)
        if not hasattr(os, "copy_file_range") or not self._writer.readable():
            return 0
        try:
            return os.copy_file_range(self._reader.fileno(), self._writer.fileno(), _PIECE)
        except OSError as error:
            if error.errno in _LEFT_TO_US:
                return 0
            raise


CHUNK = 1 << 20


def writing(writer: BinaryIO) -> Callable[[bytes], None]:
    """Writes all of what it is given: an unbuffered write may be short."""

    def write(data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[writer.write(view) or 0 :]

    return write
