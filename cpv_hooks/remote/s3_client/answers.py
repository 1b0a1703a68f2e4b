"""What an answer must look like before it is taken for S3's: a success alone proves nothing.

Proxies and login pages answer everything with 200, some servers send an error with it. `refuse_foreign_answers` lets
boto3 refuse what cannot be S3's answer; the own client (`wire`) asks the same questions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cpv_hooks.console.redact import redact
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.remote.common.protocol import RemoteError
from cpv_hooks.remote.s3_client.http1_reply import LONGEST

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from cpv_hooks.remote.s3_client.s3_options import S3Options

# https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
LISTING, BEGUN, COMPLETED = "ListBucketResult", "InitiateMultipartUploadResult", "CompleteMultipartUploadResult"
_ROOTS = {
    "ListObjectsV2": LISTING,
    "ListObjects": LISTING,
    "CreateMultipartUpload": BEGUN,
    "CompleteMultipartUpload": COMPLETED,
    "ListParts": "ListPartsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketVersioning": "VersioningConfiguration",
}
_STORING = ("PutObject", "UploadPart")
_ENCRYPTED = ("x-amz-server-side-encryption", "x-amz-server-side-encryption-customer-algorithm")
NOT_THERE = frozenset({"404", "NoSuchKey", "NotFound"})
_TEXTLESS = ("400", "401", "403")
_NUMBER = re.compile(r"[0-9]{1,16}")


class NotS3(RemoteError):
    """The server answers, but not as S3 does."""


class Head(NamedTuple):
    """What a HEAD says of an object. `size` is in bytes, None where it does not say; `tag` has no quotes."""

    size: int | None
    tag: str
    is_encrypted: bool


def not_s3(options: S3Options, what: str) -> NotS3:
    """The line for an answer that cannot be S3's; `what` goes on after the server's name."""
    change = options.change("endpointurl", "https://HOST")
    fix = f"look for a proxy or a login page on the way to it, or {change}, then {options.retry}"
    where = f"s3://{options.bucket}/{options.prefix}".rstrip("/")
    return NotS3(redact(f"{options.server} {what}: this is not an answer of S3"), where=where, fix=fix)


def root_of(data: bytes) -> Any:
    """The root of an XML document; None where it is none."""
    from xml.etree import ElementTree

    try:
        return ElementTree.fromstring(data)  # noqa: S314 - boto3 reads it in the same way
    except (ElementTree.ParseError, ValueError, LookupError):  # the last for an encoding that Python does not know
        return None


def name_of(root: Any) -> str:
    """The name of an element, without its namespace."""
    return str(root.tag).rpartition("}")[2]


def is_encrypted(headers: Mapping[str, str]) -> bool:
    """Whether an object is encrypted, so that its tag may be no MD5."""
    return any(headers.get(name) for name in _ENCRYPTED)


def says_encrypted(answer: Mapping[str, Any]) -> bool:
    """The same of boto3's answer."""
    return bool(answer.get("ServerSideEncryption") or answer.get("SSECustomerAlgorithm"))


def code_of(error: BaseException) -> str:
    """The server's error code, or nothing where the server did not answer."""
    response: Any = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def head_object(client: S3Client, place: dict[str, Any]) -> Any:
    """boto3's answer to a HEAD. Raises botocore's errors.

    An error of a HEAD has no text: 400 may be an expired session, 403 an unknown key. So the same is asked with a GET.
    """
    try:
        return client.head_object(**place)
    except Exception as error:
        if code_of(error) not in _TEXTLESS:
            raise
        try:
            client.get_object(**place, Range="bytes=0-0")["Body"].close()
        except Exception as named:
            if code_of(named) and code_of(named) not in NOT_THERE:
                raise named from error
        raise


def head_of(client: S3Client, place: dict[str, Any]) -> Head | None:
    """What boto3 is told of an object; None where it is not there. Raises botocore's errors."""
    try:
        head = head_object(client, place)
    except Exception as error:
        if code_of(error) in NOT_THERE:
            return None
        raise
    return Head(head.get("ContentLength"), head.get("ETag", "").strip('"'), says_encrypted(head))


def starts_at(content_range: str | None, span: str) -> bool:
    """Whether an answer's `bytes 0-9/100` begins where the `bytes=0-9` that was asked for does."""
    start = span.removeprefix("bytes=").partition("-")[0]
    return (content_range or "").replace("=", " ").startswith(f"bytes {start}-")


def fault_of(page: Mapping[str, Any], prefix: str, token: str | None) -> str | None:
    """What is wrong with a page of a listing (in boto3's words) that was asked for with a prefix and a token."""
    for item in page.get("Contents", []):
        if not str(item.get("Key", "")).startswith(prefix):
            return "lists what was not asked for"
        if not 0 <= item.get("Size", -1) <= LONGEST:
            return "lists objects without a size"
    following = page.get("NextContinuationToken")
    if page.get("IsTruncated") and (not following or following == token):
        return "lists a first page of objects, but not how to ask for the next (ListObjectsV2)"
    return None


def refuse_foreign_answers(client: S3Client, options: S3Options) -> None:
    """Let a client raise `NotS3` for a success that cannot be S3's, and hand on no number that botocore cannot read."""

    def check(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
        if 200 <= response_dict["status_code"] < 300:
            _check(options, operation_model.name, response_dict)

    # Under this name it is asked before botocore's own check (`before-parse.s3.*`), which takes all that is no XML for
    # an error of the server, and tries again.
    client.meta.events.register_first("before-parse.*.*", check)


def _check(options: S3Options, operation: str, answer: dict[str, Any]) -> None:
    headers = answer["headers"]
    text = headers.get("content-length")
    if text is not None:
        lengths = {part.strip() for part in text.split(",")}
        length = lengths.pop()
        if lengths or not _NUMBER.fullmatch(length) or int(length) > LONGEST:
            raise not_s3(options, f"answers {operation} with the length {text[:40]!r}")
        headers["content-length"] = length
    body = answer["body"]
    root = _ROOTS.get(operation)
    if operation in _STORING and not headers.get("etag") and body.strip():
        root = "nothing"
    if root is None:
        return
    found = root_of(body)
    if found is None or name_of(found) not in (root, "Error"):  # botocore makes a failure of an error
        raise not_s3(options, f"answers {operation} with {_described(body, found)}")


def _described(body: bytes, root: Any) -> str:
    if not body.strip():
        return "an empty body"
    if b"<html" in body[:1024].lower() or b"<!doctype html" in body[:1024].lower():
        return "a web page"
    return f"<{name_of(root)[:40]}>" if root is not None else "no XML"


def contents_of(data: bytes) -> dict[str, Any] | None:
    """A page of a listing, in boto3's words; None where it is none."""
    root = root_of(data)
    if root is None or name_of(root) != LISTING:
        return None
    items = root.iterfind("{*}Contents")
    try:
        contents = [{"Key": item.findtext("{*}Key"), "Size": int(item.findtext("{*}Size") or "")} for item in items]
    except ValueError:
        return None
    token = root.findtext("{*}NextContinuationToken")
    return {
        "Contents": contents,
        "IsTruncated": root.findtext("{*}IsTruncated") == "true",
        **({"NextContinuationToken": token} if token else {}),
    }
