"""A remote on S3: a few threads, every upload verified by the server."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from cpv_hooks import state_files
from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.directory_object import is_dir_oid
from cpv_hooks.dvcformat.file_hash import is_named
from cpv_hooks.project.project import Project
from cpv_hooks.remote.common.object_ranges import ObjectRanges
from cpv_hooks.remote.common.protocol import NO_SIZES, Blob, MissingObject, RemoteError, ignore_blob
from cpv_hooks.remote.common.verified_copy import corrupt
from cpv_hooks.remote.s3.file_parts import PART
from cpv_hooks.remote.s3.multipart import MOST_AT_ONCE, Multipart, send_parts
from cpv_hooks.remote.s3.s3_bucket import S3Bucket
from cpv_hooks.remote.s3.s3_download import CHUNK, LARGE, Opened, RangeResponse, persistently, read_some
from cpv_hooks.remote.s3.s3_listing import ObjectListing
from cpv_hooks.remote.s3_client.answers import says_encrypted
from cpv_hooks.remote.s3_client.connect import as_remote_error
from cpv_hooks.system.threads import each

if TYPE_CHECKING:
    from cpv_hooks.system.byte_source import ByteSource

SMALL = 1 << 20
SMALL_THREADS, LARGE_THREADS = 64, 8
"""An answer of a server far away takes fifty times as long as what there is to do for a small object."""
MOST_THREADS, EACH_THREAD = 128, 16
"""Twice as many are faster for thousands of objects; for hundreds their connections cost more than they bring."""


class S3Remote(S3Bucket):
    """Objects below `s3://bucket/prefix`.

    Memory is bounded by `LARGE_THREADS` times 16 MiB for what is sent; for what is brought, by 1 MiB for each of
    `downloads` and what `s3_download` says of large objects.
    """

    downloads = SMALL_THREADS
    remembers_requests = True

    @classmethod
    def of(cls, project: Project, options: Mapping[str, str], *, legacy: bool) -> Self:
        """The remote of a DVC root, with DVC's options for it."""
        return cls(
            project.remote_url or "",
            options,
            name=project.remote_name or "",
            legacy=legacy,
            unfinished=project.repo.shared / state_files.UPLOADS,
            partials=project.cache_dir / "cpv",
            memory=project.repo.shared / state_files.S3 if cls.remembers_requests else None,
            own_client=project.config.s3_client == "own",
        )

    def missing(self, oids: Collection[str], sizes: Mapping[str, int] = NO_SIZES) -> set[str]:
        if not oids:
            return set()
        with as_remote_error(self.options):
            listing = ObjectListing(self._page, self._base, self._size)
            found = listing.sizes(list(oids))
        return {oid for oid in oids if oid not in found or sizes.get(oid) not in (None, found[oid])}

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
        if not is_named(blob.path, digest, blob.oid, legacy=self._legacy):
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
        condition = {"IfMatch": f'"{tag}"'} if tag else {}

        def ask(offset: int, length: int) -> bytes:
            span = {"Range": f"bytes={offset}-{offset + length - 1}", **condition}
            with as_remote_error(self.options):
                return persistently(lambda: read_some(self._open(oid, span).body, length))

        return ObjectRanges(ask, size, f"s3://{self.options.bucket}", "dvc cpv doctor")

    def _ask(self, oid: str) -> RangeResponse:
        def ask(condition: dict[str, Any]) -> Opened:
            return self._open(oid, condition)

        return RangeResponse(oid, ask, *ask({}), where=self.url, legacy=self._legacy)
