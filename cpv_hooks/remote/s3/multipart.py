"""A large object, sent to S3 in parts side by side; one that was stopped goes on where it stood.

Where the server's tag of a part is the MD5 of the local bytes, that part is not sent again. Under some encryptions a
tag is no MD5 (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html); then every part is.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpv_hooks.console.progress import Progress
from cpv_hooks.remote.common.protocol import CorruptObject
from cpv_hooks.remote.s3.file_parts import part_size, read_parts
from cpv_hooks.remote.s3.resumable_uploads import Note, Unfinished, digest_of
from cpv_hooks.remote.s3_client.answers import NotS3, code_of, head_of
from cpv_hooks.remote.s3_client.s3_error_codes import is_refused
from cpv_hooks.system.threads import each

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from cpv_hooks.remote.s3_client.wire import Wire

MOST_AT_ONCE = 5 << 30
"""Bytes of one request: https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html."""
Check = Callable[[str], None]
_GONE = frozenset({"NoSuchUpload", "InvalidPart", "InvalidPartOrder"})
"""Answers after which an upload can only be begun anew: somebody ended it, or it does not hold what it should."""
_UNREADABLE = frozenset({"NoSuchUpload", "404"})


def send_parts(
    multipart: Multipart,
    unfinished: Unfinished,
    names: tuple[str, ...],
    check: Check | None,
    threads: int,
    at_once: Callable[[], Any],
) -> Any:
    """Send a file and make the object of it; returns the server's answer.

    `names` say which upload it is, for the next run. `check` is given the MD5 of the whole, in hex, and raises where
    the file is corrupt; without it that is known. What fails keeps its parts for the next run if there is a note.
    `at_once` sends the file in one request, for a server that takes none in parts.
    """
    with unfinished.claim(*names) as note:
        try:
            return _attempt(multipart, note, check, threads)
        except Exception as error:
            if is_refused(error) and multipart.size <= MOST_AT_ONCE:
                multipart.rewind()
                answer = at_once()
                multipart.abort(note)
                return answer
            if code_of(error) not in _GONE:
                raise
        multipart.abort(note)
        return _attempt(multipart, note, check, threads)


def _attempt(multipart: Multipart, note: Note, check: Check | None, threads: int) -> Any:
    try:
        multipart.begin(note)
        multipart.send(threads, check)
        answer = multipart.complete()
    except BaseException as error:
        if isinstance(error, CorruptObject) or not note.is_kept:
            multipart.abort(note)
        raise
    note.clear()
    return answer


class Multipart:
    """One multipart upload. `place` names bucket and key, `storage` how the object is stored.

    With a `wire`, its object is `oid`, and the client is made only where the wire leaves something to boto3.
    """

    def __init__(
        self,
        client: Callable[[], S3Client],
        place: dict[str, Any],
        storage: dict[str, Any],
        path: Path,
        size: int,
        progress: Progress,
        *,
        wire: Wire | None = None,
        oid: str = "",
    ) -> None:
        self._client = client
        self._wire = wire
        self._oid = oid
        self._place = place
        self._storage = storage
        self._path = path
        self.size = size
        self._part_size = part_size(size)
        self._progress = progress
        self._lock = threading.Lock()
        self._upload_id = ""
        self._there: dict[int, str] = {}
        self._tags: dict[int, str] = {}
        self._advanced = 0
        self.is_proven = True
        """Whether the server's tag of each part is the MD5 of its bytes."""

    def begin(self, note: Note) -> None:
        """Go on with the upload that is noted, or begin one and note it."""
        self.rewind()
        parameters = digest_of({**self._place, **self._storage, "part": self._part_size})
        known, other = note.upload(parameters)
        if other is not None:
            self._abort(other)
        there = self._parts_of(known) if known is not None else None
        if known is not None and there is not None:
            self._upload_id, self._there = known, there
            return
        self._upload_id, self._there = self._create(), {}
        note.write(self._upload_id, parameters)

    def rewind(self) -> None:
        """Forget what was sent: it is sent anew."""
        self._progress.advance(-self._advanced)
        self._advanced, self._tags, self.is_proven = 0, {}, True

    def _create(self) -> str:
        quick = self._wire.begin(self._oid) if self._wire else None
        return quick or self._client().create_multipart_upload(**self._place, **self._storage)["UploadId"]

    def _parts_of(self, upload_id: str) -> dict[int, str] | None:
        """Part number -> tag of what an upload holds; None where it cannot be gone on with."""
        try:
            pages = self._client().get_paginator("list_parts").paginate(**self._place, UploadId=upload_id)
            return {part["PartNumber"]: part["ETag"].strip('"') for page in pages for part in page.get("Parts", [])}
        except Exception as error:
            if code_of(error) not in _UNREADABLE and not is_refused(error):
                raise
            self._abort(upload_id)
            return None

    def send(self, threads: int, check: Check | None) -> None:
        """Send every part that is not there; the server checks each one's MD5."""
        whole = hashlib.md5(usedforsecurity=False) if check else None
        free: list[bytearray] = []

        def put(part: tuple[int, bytearray]) -> None:
            self._put(*part)
            free.append(part[1])

        each(put, read_parts(self._path, self._part_size, free, whole), threads)
        if check and whole:
            check(whole.hexdigest())

    def _put(self, number: int, data: bytearray) -> None:
        digest = hashlib.md5(data, usedforsecurity=False)
        tag = self._there.get(number)
        if tag != digest.hexdigest():
            tag = self._send_part(number, data, digest.digest())
        with self._lock:
            self._tags[number] = tag
            self.is_proven = self.is_proven and tag == digest.hexdigest()
            self._advanced += len(data)
        self._progress.advance(len(data))

    def _send_part(self, number: int, data: bytearray, md5: bytes) -> str:
        quick = self._wire.put_part(self._oid, self._upload_id, number, data, md5) if self._wire else None
        if quick is not None:
            return quick.strip('"')
        # A bytearray, because botocore joins bytes with the headers, and would have each part in memory twice. It takes
        # one (`botocore.validate`), whatever its stubs say.
        body: Any = data
        sent = self._client().upload_part(
            **self._place,
            UploadId=self._upload_id,
            PartNumber=number,
            Body=body,
            ContentMD5=base64.b64encode(md5).decode(),
        )
        if not sent.get("ETag"):
            raise NotS3(
                f"the server takes a part of {self._place['Key']} but does not say its ETag",
                where=f"s3://{self._place['Bucket']}",
                fix="look for a proxy on the way to it, then dvc cpv sync",
            )
        return sent["ETag"].strip('"')

    def complete(self) -> Any:
        """Make the object of its parts; returns boto3's answer, or an empty one where only the object shows it."""
        if self._wire and self._wire.complete(self._oid, self._upload_id, self._tags):
            return {}
        parts: list[Any] = [{"PartNumber": n, "ETag": f'"{tag}"'} for n, tag in sorted(self._tags.items())]
        try:
            return self._client().complete_multipart_upload(
                **self._place, UploadId=self._upload_id, MultipartUpload={"Parts": parts}
            )
        except Exception as error:
            # It may have been made, only the answer was none.
            if not (isinstance(error, NotS3) or code_of(error) == "NoSuchUpload") or not self._is_made():
                raise
            return {}

    def _is_made(self) -> bool:
        """Whether the object of these very parts is there: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html."""
        head = head_of(self._client(), self._place)
        if head is None or head.size != self.size or not self.is_proven:
            return False
        whole = hashlib.md5(b"".join(bytes.fromhex(self._tags[number]) for number in sorted(self._tags)))
        return head.tag == f"{whole.hexdigest()}-{len(self._tags)}"

    def abort(self, note: Note) -> None:
        """Remove what was sent, and forget it."""
        if self._upload_id:
            self._abort(self._upload_id)
        note.clear()

    def _abort(self, upload_id: str) -> None:
        # Best effort, because it is done where something else has failed already; prune finds what is left.
        place = {key: self._place[key] for key in ("Bucket", "Key")}
        with suppress(Exception):
            self._client().abort_multipart_upload(**place, UploadId=upload_id)
