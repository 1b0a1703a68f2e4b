"""A large object, sent to S3 in parts side by side."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpv_hooks.output import Progress
from cpv_hooks.remote.parallel import each

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PART = 16 << 20
MOST_PARTS = 10_000  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html


def part_size(size: int) -> int:
    """The size of each part but the last, in bytes: the same whenever an object of this size is sent."""
    least = -(-size // MOST_PARTS)
    return max(PART, -(-least // (1 << 20)) << 20)


class Multipart:
    """One multipart upload. `place` names bucket and key, `storage` how the object is stored."""

    def __init__(self, client: S3Client, place: dict[str, Any], storage: dict[str, Any], path: Path, size: int) -> None:
        self._client = client
        self._place = place
        self._path = path
        self._part_size = part_size(size)
        self._tags: dict[int, str] = {}
        self._lock = threading.Lock()
        self.upload_id = client.create_multipart_upload(**place, **storage)["UploadId"]

    def send(self, progress: Progress, threads: int) -> str:
        """Send every part; the server checks each one's MD5. Returns the MD5 of the whole, in hex."""
        whole = hashlib.md5(usedforsecurity=False)

        def put(part: tuple[int, bytes]) -> None:
            self._put(*part)
            progress.advance(len(part[1]))

        each(put, self._parts(whole), threads)
        return whole.hexdigest()

    def _parts(self, whole: Any) -> Iterator[tuple[int, bytes]]:
        with open(self._path, "rb", buffering=0) as stream:
            number = 0
            while data := stream.read(self._part_size):
                number += 1
                whole.update(data)
                yield number, data

    def _put(self, number: int, data: bytes) -> None:
        digest = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
        answer = self._client.upload_part(
            **self._place, UploadId=self.upload_id, PartNumber=number, Body=data, ContentMD5=digest
        )
        with self._lock:
            self._tags[number] = answer["ETag"]

    def complete(self) -> Mapping[str, Any]:
        """Make the object of its parts; returns the server's answer."""
        return self._client.complete_multipart_upload(
            **self._place,
            UploadId=self.upload_id,
            MultipartUpload={"Parts": [{"PartNumber": n, "ETag": tag} for n, tag in sorted(self._tags.items())]},
        )

    def abort(self) -> None:
        """Remove what was sent; best effort, because it is done where something else has failed already."""
        place = {key: self._place[key] for key in ("Bucket", "Key")}
        with suppress(Exception):
            self._client.abort_multipart_upload(**place, UploadId=self.upload_id)
