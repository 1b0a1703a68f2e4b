"""A remote on S3: a few threads, every upload verified by the server.

Requests go over the `Wire`, which knows from boto3 how they are made; what does not succeed there is left to boto3.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.directory_object import is_dir_oid
from cpv_hooks.dvcformat.file_hash import legacy_md5
from cpv_hooks.remote.common.protocol import DVC3_LAYOUT, NO_SIZES, Blob, MissingObject, RemoteError, ignore_blob
from cpv_hooks.remote.common.verified_copy import corrupt
from cpv_hooks.remote.s3.multipart import MOST_AT_ONCE, PART, Multipart, send_parts
from cpv_hooks.remote.s3.ranges import ObjectRanges
from cpv_hooks.remote.s3.resumable_uploads import Unfinished
from cpv_hooks.remote.s3.s3_download import CHUNK, LARGE, Opened, RangeResponse, doubt_of, opened
from cpv_hooks.remote.s3.s3_listing import PAGE, ObjectListing, pages_of
from cpv_hooks.remote.s3_client.answers import NOT_THERE, Head, code_of, head_of, not_s3, says_encrypted
from cpv_hooks.remote.s3_client.connect import as_remote_error, ask_one_key, connect, has_proxy
from cpv_hooks.remote.s3_client.learn import learn, turned_off
from cpv_hooks.remote.s3_client.recall import Memory
from cpv_hooks.remote.s3_client.request_signing import STAND_IN, Way
from cpv_hooks.remote.s3_client.s3_options import S3Options
from cpv_hooks.remote.s3_client.wire import Wire
from cpv_hooks.system.threads import each

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from cpv_hooks.system.byte_source import ByteSource

SMALL = 1 << 20
SMALL_THREADS, LARGE_THREADS = 64, 8
"""An answer of a server far away takes fifty times as long as what there is to do for a small object."""
MOST_THREADS, EACH_THREAD = 128, 16
"""Twice as many are faster for thousands of objects; for hundreds their connections cost more than they bring."""
LARGE_DOWNLOADS = 2
"""Large objects that come at a time, each in ranges side by side."""


class S3Remote:
    """Objects below `s3://bucket/prefix`.

    Memory is bounded by `LARGE_THREADS` times 16 MiB for what is sent; for what is brought, by 1 MiB for each of
    `downloads` and what `s3_download` says of large objects.
    """

    downloads = SMALL_THREADS

    def __init__(
        self,
        url: str,
        options: Mapping[str, str],
        *,
        name: str = "remote",
        legacy: bool = False,
        command: str | None = None,
        unfinished: Path | None = None,
        partials: Path | None = None,
        memory: Path | None = None,
        own_client: bool = True,
    ) -> None:
        self.unfinished = Unfinished(unfinished)
        self.partials = partials
        self.options = S3Options.of(name, url, options, command=command)
        self._legacy = legacy
        self._own_client = own_client
        self._base = "/".join(filter(None, [self.options.prefix, "" if legacy else DVC3_LAYOUT]))
        self.url = f"s3://{self.options.bucket}/{self._base}" + self._endpoint_mark()
        self._connected: S3Client | None = None
        self._connecting = threading.Lock()
        self._memory = Memory(None if legacy else memory, self.options, self._base)
        self._wire = Wire(self._way, self._memory.forget, self.options.timeouts)
        self._large = threading.Semaphore(LARGE_DOWNLOADS)
        self._takes_parts = True

    def _endpoint_mark(self) -> str:
        # Two servers may have a bucket of the same name; the record must not mix them up.
        endpoint = self.options.get("endpointurl")
        return f" at {endpoint}" if endpoint else ""

    def key(self, oid: str) -> str:
        return "/".join(filter(None, [self._base, oid[:2], oid[2:]]))

    def address(self, oid: str) -> str:
        return f"s3://{self.options.bucket}/{self.key(oid)}"

    def check(self) -> None:
        with as_remote_error(self.options):
            ask_one_key(self._client(), self.options, self._base)

    def _client(self) -> S3Client:
        """The client; made, and the way to the bucket tried, when it is first needed."""
        with self._connecting:
            if self._connected is None:
                client = connect(self.options)
                ask_one_key(client, self.options, self._base, strict=False)
                self._connected = client
            return self._connected

    def _way(self) -> Way | None:
        """How the wire asks: as an earlier process did, if that still leads there, or as boto3 does now."""
        if not self._own_client or turned_off():
            return None
        known = None if self._connected else self._memory.recall()
        # Of an empty remote it is boto3 that can say what is wrong, if anything is.
        if known is not None and self._wire.holds_some(known, self._base):
            return known
        client = self._client()
        way = None if has_proxy() else learn(client, self._object(STAND_IN), self.options.storage())
        if way is not None:
            session: Any = client
            self._memory.keep(way, session._request_signer._credentials)
        return way

    def client_state(self) -> str:
        """Whether CPV's own client asks, and why not; nobody is asked."""
        if why := turned_off():
            return f"boto3 alone: {why}"
        if not self._own_client:
            return "boto3 alone: [remote] s3_client in .cpv.toml says so"
        if has_proxy():
            return "boto3 alone: a proxy is set"
        if self._memory.holds():
            return "CPV's own: it has learned from boto3 how to ask"
        return "CPV's own, after boto3 was asked how: nothing that holds is kept of it"

    def missing(self, oids: Collection[str], sizes: Mapping[str, int] = NO_SIZES) -> set[str]:
        if not oids:
            return set()
        with as_remote_error(self.options):
            listing = ObjectListing(self._page, self._base, self._size)
            found = listing.sizes(list(oids))
        return {oid for oid in oids if oid not in found or sizes.get(oid) not in (None, found[oid])}

    def _page(self, prefix: str, token: str | None) -> Mapping[str, Any]:
        quick = self._wire.page(prefix, token, PAGE)
        return quick if quick is not None else pages_of(self._client(), self.options)(prefix, token)

    def _size(self, oid: str) -> int | None:
        """The size in bytes of an object on the server, or None where it is not there."""
        head = self._head_of(oid)
        if head is not None and not head.tag:
            raise not_s3(self.options, "says that an object is there, but not its ETag")
        return head.size if head else None

    def _head_of(self, oid: str) -> Head | None:
        """What the server says of an object, or None where it is not there. Some leave out the size."""
        quick = self._wire.head(oid)
        if quick is not None:
            return Head(quick.length, quick.tag.strip('"'), quick.is_encrypted) if quick.is_there else None
        head = head_of(self._client(), self._object(oid))
        return head._replace(size=self._listed(oid)) if head and head.size is None else head

    def _listed(self, oid: str) -> int:
        key = self.key(oid)
        page = pages_of(self._client(), self.options)(key, None)
        sizes = [item["Size"] for item in page.get("Contents", []) if item["Key"] == key]
        if not sizes:
            raise not_s3(self.options, "says that an object is there, but not how long it is")
        return int(sizes[0])

    def _object(self, oid: str) -> dict[str, Any]:
        return {"Bucket": self.options.bucket, "Key": self.key(oid), **self.options.customer_key()}

    def upload(self, blobs: Sequence[Blob], progress: Progress, done: Callable[[Blob], None] = ignore_blob) -> None:
        """See `Remote`. The server checks the MD5 of each object, or of each part of a large one."""
        progress.grow(sum(blob.size for blob in blobs))

        def put(blob: Blob) -> None:
            with as_remote_error(self.options):
                self._put(blob, progress)
            done(blob)

        files = [blob for blob in blobs if not is_dir_oid(blob.oid)]
        folders = [blob for blob in blobs if is_dir_oid(blob.oid)]
        for group in (files, folders):
            small = [blob for blob in group if blob.size <= SMALL]
            each(put, small, min(MOST_THREADS, max(SMALL_THREADS, len(small) // EACH_THREAD)))
            each(put, [blob for blob in group if SMALL < blob.size < PART], LARGE_THREADS)
            # These use the threads for their parts.
            each(put, [blob for blob in group if blob.size >= PART], 1)

    def _put(self, blob: Blob, progress: Progress) -> None:
        if blob.size >= PART:
            in_parts = self._takes_parts or blob.size > MOST_AT_ONCE
            (self._put_parts if in_parts else self._put_at_once)(blob, progress)
            return
        data = blob.path.read_bytes()
        digest = hashlib.md5(data, usedforsecurity=False)
        self._check_digest(digest.hexdigest(), blob)
        quick = self._wire.put(blob.oid, data, digest.digest())
        if quick is None or not self._is_stored(blob, digest.hexdigest(), quick.tag, is_encrypted=quick.is_encrypted):
            self._put_at_once(blob, progress)
            return
        progress.advance(len(data))

    def _put_at_once(self, blob: Blob, progress: Progress) -> None:
        """Store an object in one request of boto3's."""
        answer, digest = self._put_object(self._object(blob.oid), blob)
        if not self._is_stored(blob, digest, answer.get("ETag", ""), is_encrypted=says_encrypted(answer)):
            raise self._not_stored(blob, "the server says that it took it, but does not have it")
        progress.advance(blob.size)

    def _put_object(self, place: dict[str, Any], blob: Blob) -> tuple[Any, str]:
        """boto3's answer, and the MD5 that the server has checked. The file is read twice, and never as a whole."""
        with open(blob.path, "rb") as stream:
            digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False))
            self._check_digest(digest.hexdigest(), blob)
            stream.seek(0)
            answer = self._client().put_object(
                **place,
                **self.options.storage(),
                Body=stream,
                ContentMD5=base64.b64encode(digest.digest()).decode(),
            )
        return answer, digest.hexdigest()

    def _put_parts(self, blob: Blob, progress: Progress) -> None:
        place, storage = self._object(blob.oid), self.options.storage()
        upload = Multipart(self._client, place, storage, blob.path, blob.size, progress, wire=self._wire, oid=blob.oid)
        names = (self.url, self.key(blob.oid), blob.oid)
        check = None if blob.known else lambda digest: self._check_digest(digest, blob)

        def at_once() -> None:
            self._put_at_once(blob, progress)
            self._takes_parts = False  # nor will the next

        send_parts(upload, self.unfinished, names, check, LARGE_THREADS, at_once)
        head = self._head_of(blob.oid)
        if head is None or head.size != blob.size:
            size = "no" if head is None else head.size
            raise self._not_stored(blob, f"it has {size} bytes there instead of {blob.size}")
        if not (upload.is_proven or head.is_encrypted or self._reads_back(blob, blob.oid[:32])):
            raise self._not_stored(blob, "the server stored something else")

    def _check_digest(self, digest: str, blob: Blob) -> None:
        if digest != blob.oid[:32] and not (self._legacy and legacy_md5(blob.path) == blob.oid[:32]):
            raise corrupt(blob.oid, str(blob.path))

    def _is_stored(self, blob: Blob, digest: str, tag: str, *, is_encrypted: bool) -> bool:
        """Whether the server has these bytes: the tag is their MD5, or else a HEAD says it, or else the bytes do.

        Under some encryptions a tag is no MD5 (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html).
        """
        if tag.strip('"') == digest or (tag and is_encrypted):
            return True
        head = self._head_of(blob.oid)
        if head is None or head.size != blob.size:
            return False
        return head.tag == digest or (bool(head.tag) and head.is_encrypted) or self._reads_back(blob, digest)

    def _reads_back(self, blob: Blob, digest: str) -> bool:
        """Whether the server gives back the bytes of this MD5."""
        body, found = self._open(blob.oid, {})[0], hashlib.md5(usedforsecurity=False)
        try:
            while chunk := body.read(CHUNK):
                found.update(chunk)
        finally:
            body.close()
        return found.hexdigest() == digest

    def _not_stored(self, blob: Blob, why: str) -> RemoteError:
        return RemoteError(f"object {blob.oid} did not arrive whole: {why}", where=self.url, fix="dvc cpv sync")

    def download(self, oid: str, to: Path, progress: Progress) -> None:
        """See `Remote`. A connection that breaks is taken up again where it broke; so is, where a file is brought to
        the folder of `partials`, a download that was stopped.
        """
        with as_remote_error(self.options):
            answer = self._ask(oid)
            progress.grow(answer.total or 0)
            if answer.total is None or answer.total < LARGE:
                answer.stream(to, progress)
                return
            answer.close()
            with self._large:
                answer.assemble(to, progress, keep=to.parent == self.partials)

    def open_ranges(self, oid: str) -> ByteSource:
        with as_remote_error(self.options):
            size, tag = self._measured(oid)
        if size is None:
            raise MissingObject(f"object {oid} is not on the remote", where=self.url)
        return ObjectRanges(self.options, lambda condition: self._open(oid, condition), size, tag)

    def _measured(self, oid: str) -> tuple[int | None, str]:
        """The size in bytes of an object (None where it is not there), and its tag where it may become another."""
        head = self._head_of(oid)
        return (head.size, head.tag) if head else (None, "")

    def _ask(self, oid: str) -> RangeResponse:
        def ask(condition: dict[str, Any]) -> Opened:
            return self._open(oid, condition)

        return RangeResponse(oid, ask, *ask({}), where=self.url, legacy=self._legacy)

    def _open(self, oid: str, condition: dict[str, Any]) -> Opened:
        span = condition.get("Range")
        tag = condition.get("IfMatch")
        quick = (self._wire.get_range(oid, span, tag) if tag else None) if span else self._wire.get(oid)
        if quick is not None:
            return Opened(quick.body, quick.length, quick.tag, doubt_of(quick.tag, quick.headers, quick.length))
        try:
            answer = self._client().get_object(**self._object(oid), **condition)
        except Exception as error:
            if code_of(error) in NOT_THERE:
                raise MissingObject(f"object {oid} is not on the remote", where=self.url) from error
            raise
        return opened(self.options, answer, span)
