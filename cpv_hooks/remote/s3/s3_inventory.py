"""What lies on S3 below a remote's prefix, with the checksums that S3 itself computed."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cpv_hooks.console.output import warn
from cpv_hooks.dvcformat.directory_object import is_dir_oid, is_oid
from cpv_hooks.remote.common.inventory import Leftover, Seen, in_safe_order
from cpv_hooks.remote.common.notes import NOTES
from cpv_hooks.remote.common.protocol import DVC3_LAYOUT, RemoteError
from cpv_hooks.remote.s3.s3_listing import PAGE, ObjectListing, pages_of
from cpv_hooks.remote.s3.s3_notes import S3Notes
from cpv_hooks.remote.s3.versioned_bucket import keeps_versions
from cpv_hooks.remote.s3_client.answers import NOT_THERE, code_of, head_object, not_s3
from cpv_hooks.remote.s3_client.connect import as_remote_error, ask_one_key, connect
from cpv_hooks.remote.s3_client.s3_error_codes import is_lacking, is_refused, is_s3_error, why_refused
from cpv_hooks.system.threads import each

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from cpv_hooks.remote.s3.s3_remote import S3Remote

THREADS = 16
_MD5 = re.compile(r"[0-9a-f]{32}")


class _Detailed(ObjectListing):
    """A listing that also keeps the tag and the time of what it meets."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.details: dict[str, Seen] = {}

    def _take(self, page: Mapping[str, Any]) -> str:
        for item in page.get("Contents", []):
            oid = item["Key"].removeprefix(self._base).replace("/", "", 1)
            if is_oid(oid):
                self.details[oid] = Seen(item["Size"], _md5(item.get("ETag")), _seconds(item))
        return super()._take(page)

    def all(self) -> dict[str, Seen]:
        """Everything below the prefix."""
        if self._first_page() is not None:
            each(self._list, list("0123456789abcdef"), THREADS)
        return self.details


class S3Inventory:
    """The objects of an S3 remote. A tag counts as MD5 unless the object is encrypted by a key of its own."""

    def __init__(self, remote: S3Remote) -> None:
        self._remote = remote
        self._bucket = remote.options.bucket
        self._base = remote.key("")

    @cached_property
    def client(self) -> S3Client:
        """A connection of its own; who may not list may still ask for single objects."""
        client = connect(self._remote.options)
        ask_one_key(client, self._remote.options, self._base, strict=False)
        return client

    def look(self, oids: Collection[str]) -> dict[str, Seen]:
        with as_remote_error(self._remote.options):
            listing = self._listing()
            listing.sizes(list(oids))
        return self._trusted({oid: listing.details[oid] for oid in oids if oid in listing.details})

    def everything(self) -> dict[str, Seen]:
        with as_remote_error(self._remote.options):
            return self._listing().all()

    def _listing(self) -> _Detailed:
        def size_of(oid: str) -> int | None:
            head = self._head(oid)
            if head is None:
                return None
            size = head.get("ContentLength")
            if size is None or not head.get("ETag"):
                raise not_s3(self._remote.options, "says that an object is there, but not its length or not its ETag")
            listing.details[oid] = Seen(size, None if _has_own_key(head) else _md5(head["ETag"]), _seconds(head))
            return int(size)

        listing = _Detailed(pages_of(self.client, self._remote.options), self._base, size_of)
        return listing

    def _head(self, oid: str) -> Mapping[str, Any] | None:
        try:
            place = {"Bucket": self._bucket, "Key": self._remote.key(oid), **self._remote.options.customer_key()}
            return head_object(self.client, place)  # type: ignore[no-any-return]
        except Exception as error:
            if code_of(error) in NOT_THERE:
                return None
            raise

    def _trusted(self, found: dict[str, Seen]) -> dict[str, Seen]:
        """A tag that is not the object's hash may be that of an encrypted object: ask, then leave it out."""
        doubtful = [oid for oid, seen in found.items() if seen.md5 not in (None, oid[:32])]

        def ask(oid: str) -> None:
            head = self._head(oid)
            if head is None:
                del found[oid]
            elif _has_own_key(head):
                found[oid] = Seen(found[oid].size, None, found[oid].modified)

        with as_remote_error(self._remote.options):
            each(ask, doubtful, THREADS)
        return found

    def remove(self, oids: Collection[str]) -> None:
        ordered = in_safe_order(oids)
        folders = [oid for oid in ordered if is_dir_oid(oid)]
        files = ordered[len(folders) :]
        with as_remote_error(self._remote.options):
            for group in (folders, files):
                pages = (group[start : start + PAGE] for start in range(0, len(group), PAGE))
                faults = [fault for page in pages for fault in self._delete(page)]
                if faults:
                    # The files of a directory object that is still there stay too.
                    raise self._not_removed(faults)
            if ordered and self._keeps_versions():
                warn(
                    f"{self._remote.url}: the bucket keeps versions, so what was removed takes up space until a "
                    "lifecycle rule of the bucket lets older versions expire"
                )

    def _keeps_versions(self) -> bool:
        """Whether the bucket does; what has been removed by then is no failure because this cannot be asked."""
        try:
            return bool(keeps_versions(self.client, self._bucket))
        except Exception as error:
            if not is_s3_error(error):
                raise
            return False

    def _not_removed(self, faults: list[tuple[str, str]]) -> RemoteError:
        (key, why), *more = faults
        what = f"{key} cannot be removed ({why})" + (f", nor can {len(more)} more" if more else "")
        return RemoteError(what, where=self._remote.url, fix="ask for s3:DeleteObject there, then repeat the command")

    def _delete(self, oids: list[str]) -> list[tuple[str, str]]:
        """Remove objects; returns those that the server refuses to remove, and why: it judges each for itself."""
        keys = [{"Key": self._remote.key(oid)} for oid in oids]
        try:
            answer: Any = self.client.delete_objects(Bucket=self._bucket, Delete={"Objects": keys, "Quiet": True})  # type: ignore[typeddict-item]
        except Exception as error:
            if not is_refused(error):
                raise
            return list(filter(None, (self._delete_one(key["Key"]) for key in keys)))
        faults = [fault for fault in answer.get("Errors", []) if fault.get("Code") not in NOT_THERE]
        return [(str(fault.get("Key")), f"{fault.get('Code')}: {fault.get('Message')}") for fault in faults]

    def _delete_one(self, key: str) -> tuple[str, str] | None:
        try:
            self.client.delete_object(Bucket=self._bucket, Key=key)
        except Exception as error:
            code = code_of(error)
            if is_lacking(error):
                what = "nothing can be removed there: the server has no DeleteObject"
                raise RemoteError(what, where=self._remote.url, fix="dvc cpv prune, without --remote") from error
            if not code:
                raise  # no answer, so that there is none for the next one either
            return None if code in NOT_THERE else (key, code)
        return None

    def leftovers(self, before: float) -> list[Leftover]:
        """See `Inventory`. Who may not list uploads, or whose server cannot, is told so and has none."""
        from cpv_hooks.remote.s3.abandoned_uploads import abandoned

        notes = self._notes(before)
        with as_remote_error(self._remote.options):
            try:
                return notes + abandoned(self.client, self._bucket, self._base, before)
            except Exception as error:
                if not is_refused(error):
                    raise
                why = why_refused(error, "ListMultipartUploads", "s3:ListBucketMultipartUploads")
        warn(f"{self._remote.url}: unfinished uploads are not seen ({why})")
        return notes

    def _notes(self, before: float) -> list[Leftover]:
        """What the ranks of a job that was killed left for each other."""
        if not self._base.endswith(DVC3_LAYOUT):
            return []
        seen = S3Notes(self._remote.options, NOTES).seen()
        return [Leftover(key, key, size) for key, stored, size in seen if stored < before]

    def clean(self, leftovers: Collection[Leftover]) -> None:
        from cpv_hooks.remote.s3.abandoned_uploads import abort

        notes = [leftover for leftover in leftovers if leftover.name == leftover.handle]
        with as_remote_error(self._remote.options):
            faults = list(filter(None, (self._delete_one(note.handle) for note in notes)))
            if faults:
                raise self._not_removed(faults)
            left, why = abort(self.client, self._bucket, [leftover for leftover in leftovers if leftover not in notes])
        if left:
            warn(f"{self._remote.url}: {left} unfinished uploads stay ({why})")


def _md5(tag: str | None) -> str | None:
    """The MD5 that a tag is; the tag of an object that came in parts is none."""
    bare = (tag or "").strip('"')
    return bare if _MD5.fullmatch(bare) else None


def _seconds(item: Mapping[str, Any]) -> float | None:
    """When an object was stored, where the server says it."""
    modified = item.get("LastModified")
    return modified.timestamp() if modified is not None else None


def _has_own_key(head: Mapping[str, Any]) -> bool:
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html: under these the tag is no MD5.
    return bool(head.get("SSECustomerAlgorithm")) or str(head.get("ServerSideEncryption", "")).startswith("aws:kms")
