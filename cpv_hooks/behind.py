"""A writer on a thread of its own, some chunks behind the one who reads."""

from __future__ import annotations

from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import BinaryIO

from cpv_hooks.copying import writing

_AHEAD = 8  # chunks that are read and not yet written: the bound of the memory


class Behind:
    """Writes on a thread of its own; the first error is raised to the reader, at the latest when all was read."""

    def __init__(self, writer: BinaryIO) -> None:
        self._put = writing(writer)
        self._chunks: SimpleQueue[bytes | None] = SimpleQueue()
        self._room = Semaphore(_AHEAD)
        self._error: BaseException | None = None
        self._thread = Thread(target=self._work, daemon=True)

    def __enter__(self) -> Behind:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        # The file must not be closed under the thread, whatever stopped the reader.
        self._chunks.put(None)
        self._thread.join()
        if kind is None and self._error is not None:
            raise self._error

    def write(self, chunk: bytes) -> None:
        """Hand a chunk over; waits while too many are on their way."""
        self._room.acquire()
        if self._error is not None:
            raise self._error
        self._chunks.put(chunk)

    def _work(self) -> None:
        while (chunk := self._chunks.get()) is not None:
            try:
                if self._error is None:
                    self._put(chunk)
            except BaseException as error:  # noqa: BLE001 - it is raised again in the reader's thread
                self._error = error
            finally:
                self._room.release()
