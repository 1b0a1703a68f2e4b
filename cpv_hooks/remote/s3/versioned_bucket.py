"""Whether a bucket keeps the versions of its objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cpv_hooks.errors import shell_word
from cpv_hooks.remote.common.protocol import RemoteError
from cpv_hooks.remote.s3_client.connect import as_remote_error, connect
from cpv_hooks.remote.s3_client.s3_error_codes import is_refused
from cpv_hooks.remote.s3_client.s3_options import S3Options

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def demand_versioning(options: S3Options, client: S3Client | None = None) -> None:
    """Raise unless the bucket keeps versions; where it may not or cannot be asked, the first upload tells."""
    with as_remote_error(options):
        if keeps_versions(client or connect(options), options.bucket) is False:
            raise no_versions(options)


def keeps_versions(client: S3Client, bucket: str) -> bool | None:
    """Whether a bucket does; None where it may not or cannot be asked. Raises botocore's errors."""
    try:
        return client.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled"
    except Exception as error:
        if is_refused(error):
            return None
        raise


def no_versions(options: S3Options) -> RemoteError:
    endpoint = options.get("endpointurl")
    fix = (
        f"aws s3api put-bucket-versioning --bucket {shell_word(options.bucket)} "
        "--versioning-configuration Status=Enabled"
    )
    return RemoteError(
        f"bucket {options.bucket} keeps no versions of its objects",
        where=f"remote {options.name}",
        fix=fix + (f" --endpoint-url {shell_word(endpoint)}" if endpoint else ""),
    )
