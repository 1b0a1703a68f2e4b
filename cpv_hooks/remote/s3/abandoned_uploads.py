"""Multipart uploads that nobody will finish: S3 keeps, and charges for, their parts until they are aborted.

Only uploads to the key of an object below a remote's own prefix count as ours.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from cpv_hooks.dvcformat.directory_object import is_oid
from cpv_hooks.remote.common.inventory import Leftover
from cpv_hooks.remote.s3_client.answers import code_of
from cpv_hooks.remote.s3_client.s3_error_codes import is_refused, why_refused

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SEPARATOR = "\n"


def abandoned(client: S3Client, bucket: str, base: str, before: float) -> list[Leftover]:
    """Unfinished uploads of objects below `base` that were begun before a time (seconds since the epoch), and to which
    no part was added since. Raises botocore's errors.
    """
    prefix = f"{base}/" if base else ""
    found = []
    for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix):
        for upload in page.get("Uploads", []):
            key, upload_id = upload["Key"], upload["UploadId"]
            if is_oid(key.removeprefix(prefix).replace("/", "", 1)) and upload["Initiated"].timestamp() < before:
                parts = _parts(client, bucket, key, upload_id)
                if parts is not None and all(part["LastModified"].timestamp() < before for part in parts):
                    size = sum(part["Size"] for part in parts)
                    found.append(Leftover(f"unfinished upload of {key}", f"{key}{_SEPARATOR}{upload_id}", size))
    return found


def _parts(client: S3Client, bucket: str, key: str, upload_id: str) -> list[Any] | None:
    """The parts of an upload; None where the server cannot say them, so that it may be under way."""
    try:
        pages = client.get_paginator("list_parts").paginate(Bucket=bucket, Key=key, UploadId=upload_id)
        return [part for page in pages for part in page.get("Parts", [])]
    except Exception as error:
        if code_of(error) == "NoSuchUpload":
            return []
        if is_refused(error):
            return None
        raise


def abort(client: S3Client, bucket: str, uploads: Collection[Leftover]) -> tuple[int, str]:
    """Abort uploads that `abandoned` found; one that ended meanwhile is no error. Raises botocore's errors.

    Returns how many stay because the server does not abort any, and why.
    """
    for number, upload in enumerate(uploads):
        key, _, upload_id = upload.handle.partition(_SEPARATOR)
        try:
            client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
        except Exception as error:
            if is_refused(error):
                return len(uploads) - number, why_refused(error, "AbortMultipartUpload", "s3:AbortMultipartUpload")
            if code_of(error) != "NoSuchUpload":
                raise
    return 0, ""
