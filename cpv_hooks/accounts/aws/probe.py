"""Whether S3 lets us do what CPV does: a small object is written, read and removed again under the team's prefix."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

from cpv_hooks.console.output import warn
from cpv_hooks.console.redact import redact
from cpv_hooks.errors import shell_word
from cpv_hooks.remote.common.protocol import RemoteError
from cpv_hooks.remote.s3_client.answers import code_of
from cpv_hooks.remote.s3_client.connect import as_remote_error, ask_one_key, connect
from cpv_hooks.remote.s3_client.s3_error_codes import is_refused, why_refused
from cpv_hooks.remote.s3_client.s3_errors import explain_s3
from cpv_hooks.remote.s3_client.s3_options import S3Options

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NAME = ".cpv-probe-"
_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
_DENIED = frozenset({"AccessDenied", "403", "Forbidden"})
_LIST, _PUT, _GET, _DELETE = "s3:ListBucket", "s3:PutObject", "s3:GetObject", "s3:DeleteObject"


def new_key(prefix: str) -> str:
    """A key for a probe that nobody else uses."""
    return "/".join(filter(None, [prefix, f"{NAME}{secrets.token_hex(8)}"]))


def probe_bucket(options: S3Options) -> None:
    """Make sure, by reading alone, that the server answers, takes the keys and has the bucket.

    That the keys may not list is no error here. Raises `RemoteError`.
    """
    with as_remote_error(options):
        ask_one_key(connect(options), options, options.prefix, strict=False)


def probe(options: S3Options, key: str) -> None:
    """List, write, read and remove. Raises `RemoteError` that names every action which is not allowed.

    The object is removed also where reading it fails; one that cannot be removed is named.
    """
    with as_remote_error(options):
        client = connect(options)
        denied = _try_to_list(client, options)
        denied += _try_to_write(client, options, key)
    if denied:
        raise refused(options, denied)


def probe_reading(options: S3Options, key: str) -> None:
    """List and read; nothing is written. Raises `RemoteError` that names every action which is not allowed."""
    with as_remote_error(options):
        client = connect(options)
        denied = _try_to_list(client, options)
        try:
            client.get_object(Bucket=options.bucket, Key=key)
        except Exception as error:
            if code_of(error) not in _ABSENT | _DENIED:
                raise
            # Who may not list is told that an absent object is forbidden.
            if code_of(error) in _DENIED and not denied:
                denied.append(_GET)
    if denied:
        raise refused(options, denied)


def refused(options: S3Options, actions: list[str]) -> RemoteError:
    """The line for actions that the keys are not allowed."""
    place = f"{options.bucket}/{options.prefix}".rstrip("/")
    team = options.prefix.partition("/")[0] or "TEAM"
    named = ", ".join(actions)
    fix = (
        f"ask the bucket's owner for {named} on {place} "
        f"(dvc cpv access --team-name {shell_word(team)} prints the whole policy)"
    )
    return RemoteError(f"access denied ({named})", where=f"s3://{place}", fix=fix)


def _try_to_list(client: S3Client, options: S3Options) -> list[str]:
    try:
        ask_one_key(client, options, options.prefix)
    except Exception as error:
        if code_of(error) not in _DENIED:
            raise
        return [_LIST]
    return []


def _try_to_write(client: S3Client, options: S3Options, key: str) -> list[str]:
    body = key.encode()
    place = {"Bucket": options.bucket, "Key": key, **options.customer_key()}
    try:
        client.put_object(**place, **options.storage(), Body=body)
    except Exception as error:
        if code_of(error) not in _DENIED:
            # It may have arrived all the same.
            with suppress(Exception):
                client.delete_object(Bucket=options.bucket, Key=key)
            raise
        return [_PUT]
    try:
        denied = _try_to_read(client, options, place, body)
    except BaseException as error:
        _remove(client, options, key, after=error)
        raise
    _remove(client, options, key, denied=denied)
    return denied


def _try_to_read(client: S3Client, options: S3Options, place: dict[str, object], body: bytes) -> list[str]:
    try:
        found = client.get_object(**place)["Body"].read()  # type: ignore[arg-type]
    except Exception as error:
        if code_of(error) not in _DENIED:
            raise
        return [_GET]
    if found != body:
        where = f"s3://{options.bucket}/{place['Key']}"
        fix = f"look for a proxy on the way to it, then {options.retry}"
        raise RemoteError("the server does not give back what was written", where=where, fix=fix)
    return []


def _remove(
    client: S3Client,
    options: S3Options,
    key: str,
    *,
    denied: list[str] | None = None,
    after: BaseException | None = None,
) -> None:
    """Remove the probe. Raises `RemoteError` that names it where it stays; `after` is what went wrong before."""
    try:
        client.delete_object(Bucket=options.bucket, Key=key)
    except Exception as error:
        if is_refused(error) and code_of(error) not in _DENIED:
            why_not = why_refused(error, "DeleteObject", _DELETE)
            warn(f"s3://{options.bucket}/{key}: the probe object stays, and so will all that nothing needs ({why_not})")
            return
        why = explain_s3(error, options)
        if code_of(error) in _DENIED:
            why = refused(options, [*(denied or ()), _DELETE])
        before = f" after this: {redact(str(after))}" if after else ""
        what = f"the probe object could not be removed: {why.what}{before}"
        fix = f"{why.fix}; then aws s3 rm {shell_word(f's3://{options.bucket}/{key}')}"
        raise RemoteError(what, where=f"s3://{options.bucket}/{key}", fix=fix) from error
