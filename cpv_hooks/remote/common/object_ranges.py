"""An object of a remote of which only some ranges are read. They are not verified: the hash is that of the whole."""

from __future__ import annotations

from collections.abc import Callable

from cpv_hooks.remote.common.protocol import RemoteError
from cpv_hooks.system.byte_source import refuse_outside


class ObjectRanges:
    """A `ByteSource`: `ask` gives the bytes from an offset on; `fix` is for the error where they are too few."""

    def __init__(self, ask: Callable[[int, int], bytes], size: int, where: str, fix: str) -> None:
        self._ask = ask
        self.size = size
        self._where = where
        self._fix = fix

    def read(self, offset: int, length: int) -> bytes:
        refuse_outside(self.size, offset, length)
        data = self._ask(offset, length) if length else b""
        if len(data) != length:
            what = f"the server sent {len(data)} bytes instead of the {length} that were asked for"
            raise RemoteError(what, where=self._where, fix=self._fix)
        return data
