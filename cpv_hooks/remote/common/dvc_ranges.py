"""An object of any other remote of DVC's of which only some ranges are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cpv_hooks.remote.common.protocol import RemoteError
from cpv_hooks.system.byte_source import refuse_outside

if TYPE_CHECKING:
    from cpv_hooks.remote.common.dvc_remote import DVCRemote


class DVCRanges:
    """A `ByteSource` on a file system of DVC's."""

    def __init__(self, remote: DVCRemote, oid: str, size: int) -> None:
        self._remote = remote
        self._path = remote.odb.oid_to_path(oid)
        self.size = size

    def read(self, offset: int, length: int) -> bytes:
        refuse_outside(self.size, offset, length)
        if not length:
            return b""
        with self._remote.explained(), self._remote.odb.fs.open(self._path, "rb", cache_type="none") as stream:
            stream.seek(offset)
            data: bytes = stream.read(length)
        if len(data) != length:
            what = f"the store sent {len(data)} bytes instead of the {length} that were asked for"
            raise RemoteError(what, where=self._remote.url, fix="dvc pull")
        return data
