"""An object on S3 of which only some ranges are read. They are not verified: the hash is that of the whole."""

from __future__ import annotations

from cpv_hooks.remote.common.protocol import RemoteError
from cpv_hooks.remote.s3.s3_download import RESUMES, Open, broken
from cpv_hooks.remote.s3_client.connect import as_remote_error
from cpv_hooks.remote.s3_client.s3_options import S3Options
from cpv_hooks.system.byte_source import refuse_outside


class ObjectRanges:
    """A `ByteSource`. With a `tag` a range is refused once the object is another one."""

    def __init__(self, options: S3Options, open_at: Open, size: int, tag: str) -> None:
        self._options = options
        self._open = open_at
        self._condition = {"IfMatch": f'"{tag}"'} if tag else {}
        self.size = size

    def read(self, offset: int, length: int) -> bytes:
        refuse_outside(self.size, offset, length)
        if not length:
            return b""
        with as_remote_error(self._options):
            for _ in range(RESUMES):
                try:
                    return self._once(offset, length)
                except broken():
                    continue
            return self._once(offset, length)

    def _once(self, offset: int, length: int) -> bytes:
        body = self._open({"Range": f"bytes={offset}-{offset + length - 1}", **self._condition}).body
        try:
            data: bytes = body.read(length)
        finally:
            body.close()
        if len(data) != length:
            what = f"the server sent {len(data)} bytes instead of the {length} that were asked for"
            raise RemoteError(what, where=f"s3://{self._options.bucket}", fix="dvc cpv doctor")
        return data
