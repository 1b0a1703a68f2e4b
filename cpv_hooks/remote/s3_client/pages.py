"""Pages of a listing through boto3, from servers of the first form of the call too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cpv_hooks.remote.s3_client.answers import code_of, fault_of, not_s3
from cpv_hooks.remote.s3_client.s3_error_codes import is_refused

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from cpv_hooks.remote.s3_client.s3_options import S3Options


def page_of(client: S3Client, options: S3Options, prefix: str, token: str | None, most: int) -> Mapping[str, Any]:
    """A page of at most so many keys, as `ListObjectsV2` gives it. Raises botocore's errors.

    A server that has `ListObjects` alone refuses the newer call or answers it like the older one, which does not say
    how to go on: there the last key is the token (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html).
    """
    more: dict[str, Any] = {"ContinuationToken": token} if token else {}
    try:
        page: Mapping[str, Any] = client.list_objects_v2(Bucket=options.bucket, Prefix=prefix, MaxKeys=most, **more)
        if fault := fault_of(page, prefix, token):
            raise not_s3(options, fault)
    except Exception as error:
        if not is_refused(error) or code_of(error) == "AccessDenied":
            raise
        try:
            return _older(client, options, prefix, token, most)
        except Exception:  # noqa: BLE001  # the newer call's error says what the server is
            raise error from None
    return page


def _older(client: S3Client, options: S3Options, prefix: str, token: str | None, most: int) -> Mapping[str, Any]:
    more: dict[str, Any] = {"Marker": token} if token else {}
    page: Any = client.list_objects(Bucket=options.bucket, Prefix=prefix, MaxKeys=most, **more)
    if page.get("IsTruncated"):
        last = (page.get("Contents") or [{}])[-1].get("Key")
        page = {**page, "NextContinuationToken": page.get("NextMarker") or last}
    if fault := fault_of(page, prefix, token):
        raise not_s3(options, fault)
    return page  # type: ignore[no-any-return]
