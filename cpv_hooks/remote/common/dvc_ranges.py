"""An object of any other remote of DVC's of which only some ranges are read."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from cpv_hooks.remote.common.protocol import RemoteError
from cpv_hooks.system.byte_source import refuse_outside


class DVCRanges:
    """A `ByteSource` on a file system of DVC's: `opened` gives a stream that does not read ahead."""

    def __init__(self, opened: Callable[[], AbstractContextManager[Any]], size: int, url: str) -> None:
        self._opened = opened
        self.size = size
        self._url = url

    def read(self, offset: int, length: int) -> bytes:
        refuse_outside(self.size, offset, length)
        if not length:
            return b""
        with self._opened() as stream:
            stream.seek(offset)
            data: bytes = stream.read(length)
        if len(data) != length:
            what = f"the store sent {len(data)} bytes instead of the {length} that were asked for"
            raise RemoteError(what, where=self._url, fix="dvc pull")
        return data
