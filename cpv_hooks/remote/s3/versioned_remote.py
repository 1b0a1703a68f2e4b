"""A remote that keeps versions: objects on S3 under readable names, each version with an id of the server's.

The layout is that of DVC's `version_aware` remotes: an artifact lies at its own path below the remote's URL, and its
pointer says which version is meant. What a pointer names by its hash alone (it was committed without a network, or
before the remote kept versions) lies where DVC puts it otherwise, below `files/md5`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.directory_object import is_dir_oid
from cpv_hooks.project.project import Project
from cpv_hooks.remote.common.protocol import NO_SIZES, Blob
from cpv_hooks.remote.common.verified_copy import receive
from cpv_hooks.remote.s3.file_parts import PART
from cpv_hooks.remote.s3.multipart import Multipart, send_parts
from cpv_hooks.remote.s3.s3_download import Opened, opened
from cpv_hooks.remote.s3.s3_remote import LARGE_THREADS, SMALL, SMALL_THREADS, S3Remote
from cpv_hooks.remote.s3.versioned_bucket import demand_versioning, no_versions
from cpv_hooks.remote.s3.versioned_places import Places, VersionedPlace
from cpv_hooks.remote.s3_client.answers import code_of, head_object, not_s3, says_encrypted
from cpv_hooks.remote.s3_client.connect import as_remote_error
from cpv_hooks.system.threads import each

_MARK = "cpv-md5"  # on what is sent in parts, whose ETag is no MD5
# What servers answer for a version that is not there, or whose id they could never have given.
_GONE = frozenset(
    {"400", "404", "405", "NoSuchKey", "NotFound", "NoSuchVersion", "InvalidArgument", "MethodNotAllowed"}
)


class VersionedRemote(S3Remote):
    """The default remote of a DVC root, of which `options` say that it is `version_aware`."""

    remembers_requests = False
    _places: Places

    @classmethod
    def of(cls, project: Project, options: Mapping[str, str], *, legacy: bool) -> Self:
        found = super().of(project, options, legacy=legacy)
        found.url = f"s3://{found.options.bucket}/{found.options.prefix}" + found._endpoint_mark()
        found._places = Places(project)
        return found

    def _endpoint_mark(self) -> str:
        return " by version" + super()._endpoint_mark()

    def key_of(self, path: str) -> str:
        """The key of a file, whose path is relative to the DVC root."""
        return "/".join(filter(None, [self.options.prefix, path]))

    def address(self, oid: str) -> str:
        place = next(iter(self._places.of(oid)), None)
        if place is None:
            return super().address(oid)
        return f"s3://{self.options.bucket}/{self.key_of(place.path)}?versionId={place.version_id}"

    def check(self) -> None:
        super().check()
        demand_versioning(self.options, self._client())

    def missing(self, oids: Collection[str], sizes: Mapping[str, int] = NO_SIZES) -> set[str]:
        absent: set[str] = set()

        def look(oid: str) -> None:
            size = self._size(oid)
            if size is None or sizes.get(oid) not in (None, size):
                absent.add(oid)

        with as_remote_error(self.options):
            named = [oid for oid in oids if self._places.of(oid)]
            each(look, named, SMALL_THREADS)
        listed = {oid for oid in oids if self._places.listing(oid)}
        return absent | super().missing([oid for oid in oids if oid not in {*named, *listed}], sizes)

    def sizes(self, places: Iterable[VersionedPlace]) -> dict[VersionedPlace, int]:
        found: dict[VersionedPlace, int] = {}

        def look(place: VersionedPlace) -> None:
            size = self._head(self._version(place))
            if size is not None:
                found[place] = size

        with as_remote_error(self.options):
            each(look, list(places), SMALL_THREADS)
        return found

    def _size(self, oid: str) -> int | None:
        found = (self._head(self._version(place)) for place in self._places.of(oid))
        return next((size for size in found if size is not None), None) or super()._size(oid)

    def _head(self, place: dict[str, Any]) -> int | None:
        try:
            head = head_object(self._client(), place)
            size = head.get("ContentLength")
            if size is None or not head.get("ETag"):
                raise not_s3(self.options, "says that a version is there, but not its length or not its ETag")
            return int(size)
        except Exception as error:
            if code_of(error) in _GONE:
                return None
            raise

    def _named(self, path: str) -> dict[str, Any]:
        return {"Bucket": self.options.bucket, "Key": self.key_of(path), **self.options.customer_key()}

    def _version(self, place: VersionedPlace) -> dict[str, Any]:
        return {**self._named(place.path), "VersionId": place.version_id}

    def put(self, files: Mapping[str, Blob], progress: Progress) -> dict[str, tuple[VersionedPlace, str]]:
        """Store files under their paths (relative to the DVC root); returns the new versions, with their ETags.

        A large file whose last version holds these very bytes is not sent again.
        """
        with as_remote_error(self.options):
            demand_versioning(self.options, self._client())
        progress.grow(sum(blob.size for blob in files.values()))
        found: dict[str, tuple[VersionedPlace, str]] = {}

        def put(path: str) -> None:
            with as_remote_error(self.options):
                found[path] = self._put_named(path, files[path], progress)

        each(put, [path for path, blob in files.items() if blob.size <= SMALL], SMALL_THREADS)
        each(put, [path for path, blob in files.items() if SMALL < blob.size < PART], LARGE_THREADS)
        each(put, [path for path, blob in files.items() if blob.size >= PART], 1)
        return found

    def _put_named(self, path: str, blob: Blob, progress: Progress) -> tuple[VersionedPlace, str]:
        answer = self._same(path, blob) if blob.size > SMALL else None
        if answer is not None:
            progress.advance(blob.size)
        elif blob.size < PART:
            answer = self._put_whole(path, blob, progress)
        else:
            answer = self._put_in_parts(path, blob, progress)
        version, etag = answer.get("VersionId"), str(answer.get("ETag", "")).strip('"')
        if not version or version == "null":
            raise no_versions(self.options)
        return VersionedPlace(path, str(version), blob.size), etag

    def _same(self, path: str, blob: Blob) -> Any:
        """The last version, where it is this content: an upload whose pointer was never written."""
        try:
            head = head_object(self._client(), self._named(path))
        except Exception as error:
            if code_of(error) in _GONE:
                return None
            raise
        hashes = (head.get("ETag", "").strip('"'), head.get("Metadata", {}).get(_MARK))
        return head if head.get("ContentLength") == blob.size and blob.oid in hashes else None

    def _put_whole(self, path: str, blob: Blob, progress: Progress) -> Any:
        answer, digest = self._put_object(self._named(path), blob)
        tag, version = answer.get("ETag", "").strip('"'), answer.get("VersionId")
        is_proven = tag == digest or (tag and says_encrypted(answer))
        if version and not is_proven and self._head({**self._named(path), "VersionId": version}) != blob.size:
            raise self._not_stored(blob, "the server says that it took it, but does not have it")
        progress.advance(blob.size)
        return answer

    def _put_in_parts(self, path: str, blob: Blob, progress: Progress) -> Any:
        storage = {**self.options.storage(), "Metadata": {_MARK: blob.oid}}
        upload = Multipart(self._client, self._named(path), storage, blob.path, blob.size, progress)
        names = (self.url, self.key_of(path), blob.oid)
        answer = send_parts(
            upload,
            self.unfinished,
            names,
            lambda digest: self._check_digest(digest, blob),
            LARGE_THREADS,
            lambda: self._put_whole(path, blob, progress),
        )
        if "VersionId" not in answer:
            # Not every server says it here.
            answer = self._same(path, blob)
            if answer is None:
                raise self._not_stored(blob, f"another one stands at {self.key_of(path)}")
        elif self._head({**self._named(path), "VersionId": answer["VersionId"]}) != blob.size:
            raise self._not_stored(blob, "it has another size there")
        return answer

    def download(self, oid: str, to: Path, progress: Progress) -> None:
        """See `Remote`. What a directory consists of is said by its pointer."""
        listing = self._places.listing(oid) if is_dir_oid(oid) else None
        if listing is not None:
            receive(iter([listing]), oid, to, progress, where=self.url)
        else:
            super().download(oid, to, progress)

    def _measured(self, oid: str) -> tuple[int | None, str]:
        found = (self._head(self._version(place)) for place in self._places.of(oid))
        size = next((size for size in found if size is not None), None)
        # A version never becomes another one.
        return (size, "") if size is not None else super()._measured(oid)

    def _open(self, oid: str, condition: dict[str, Any]) -> Opened:
        for place in self._places.of(oid):
            try:
                answer = self._client().get_object(**self._version(place), **condition)
            except Exception as error:
                if code_of(error) in _GONE:
                    continue
                raise
            return opened(self.options, answer, condition.get("Range"))
        return super()._open(oid, condition)
