"""Notes on S3, beside the objects of a remote (see `remote.common.notes`)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from cpv_hooks.remote.common.notes import MAX_BYTES, is_note, parse_note
from cpv_hooks.remote.s3.s3_listing import pages_of
from cpv_hooks.remote.s3_client.answers import NOT_THERE, code_of
from cpv_hooks.remote.s3_client.connect import as_remote_error, connect
from cpv_hooks.remote.s3_client.s3_options import S3Options

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3Notes:
    """Notes below `s3://BUCKET/PREFIX/FOLDER/`. Threads may share them."""

    def __init__(self, options: S3Options, folder: str) -> None:
        self._options = options
        self._base = "/".join(filter(None, [options.prefix, folder, ""]))
        self._connected: S3Client | None = None

    @property
    def _client(self) -> S3Client:
        if self._connected is None:
            self._connected = connect(self._options)
        return self._connected

    def _object(self, name: str) -> dict[str, Any]:
        return {"Bucket": self._options.bucket, "Key": self._base + name, **self._options.customer_key()}

    def read(self, name: str) -> dict[str, Any] | None:
        with as_remote_error(self._options):
            try:
                answer = self._client.get_object(**self._object(name))
                return parse_note(answer["Body"].read(MAX_BYTES))
            except Exception as error:
                if code_of(error) in NOT_THERE:
                    return None
                raise

    def write(self, name: str, value: Mapping[str, object]) -> None:
        with as_remote_error(self._options):
            body = json.dumps(value).encode()
            self._client.put_object(**self._object(name), **self._options.storage(), Body=body)

    def names(self) -> set[str]:
        return {name for name in (key.removeprefix(self._base) for key, _, _ in self.seen()) if is_note(name)}

    def seen(self) -> list[tuple[str, float, int]]:
        """What lies there: keys, with when each was stored (in seconds since the epoch) and its bytes."""
        found: list[tuple[str, float, int]] = []
        with as_remote_error(self._options):
            pages, token = pages_of(self._client, self._options), None
            while True:
                page = pages(self._base, token)
                for item in page.get("Contents", []):
                    found.append((item["Key"], item["LastModified"].timestamp(), item["Size"]))
                token = page.get("NextContinuationToken")
                if not token:
                    return found

    def remove(self, names: Iterable[str]) -> None:
        with as_remote_error(self._options):
            for name in names:
                self._client.delete_object(Bucket=self._options.bucket, Key=self._base + name)
