"""A file read and written on a thread of its own, some chunks ahead of the one who hashes them.

Hashing takes longer than either. Reading and writing on one thread finds the bytes that it has just read in the
processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import BinaryIO

from cpv_hooks.copying import CHUNK, writing

_AHEAD = 8  # chunks that are read and not yet hashed: the bound of the memory


class Ahead:
    """Copies a file for the length of a block, and gives its chunks; an error of either side is raised after them."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader, self._write = reader, writing(writer)
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
            while not self._is_stopped:
                self._room.acquire()
                chunk = self._reader.read(CHUNK)
                self._chunks.put(chunk)
                if not chunk:
                    return
                self._write(chunk)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the other thread
            self._error = error
            self._chunks.put(b"")
