"""The way to a bucket, tried once before anything is done with it, so that what is wrong is said in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cpv_hooks.remote.common.protocol import RemoteError
from cpv_hooks.remote.s3_client.answers import code_of
from cpv_hooks.remote.s3_client.boto_client import new_client
from cpv_hooks.remote.s3_client.pages import page_of
from cpv_hooks.remote.s3_client.proxy import dead_proxy, proxy_for
from cpv_hooks.remote.s3_client.s3_error_codes import is_s3_error
from cpv_hooks.remote.s3_client.s3_errors import explain_s3, no_bucket, no_network
from cpv_hooks.remote.s3_client.s3_options import S3Options

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@contextmanager
def as_remote_error(options: S3Options) -> Iterator[None]:
    """Let what boto3 raises leave as a `RemoteError`."""
    try:
        yield
    except RemoteError:
        raise
    except Exception as error:
        if is_s3_error(error):
            raise explain_s3(error, options) from error
        raise


def connect(options: S3Options) -> S3Client:
    """A client whose server answers. Raises `RemoteError`, and boto3's own errors."""
    try:
        client = new_client(options)
    except ValueError as error:
        # boto3's word for an endpoint that is no URL.
        raise explain_s3(error, options) from error
    _reach(options, client.meta.endpoint_url)
    return client


def _reach(options: S3Options, endpoint: str) -> None:
    """Find out in seconds that there is no network, where boto3's retries take half a minute."""
    import socket
    from urllib.parse import urlsplit

    parts = urlsplit(endpoint)
    if not parts.hostname:
        return
    proxy = proxy_for(endpoint)
    address = (parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))
    try:
        at = proxy.address if proxy else address
        if at is None:
            raise OSError("a proxy without a host")
        socket.create_connection(at, timeout=options.timeouts[0]).close()
    except OSError as error:
        what, fix = dead_proxy(proxy, endpoint, options) if proxy else no_network(endpoint, options)
        raise RemoteError(what, where=f"remote {options.name}", fix=fix) from error


def has_proxy() -> bool:
    """Whether requests may go through a proxy."""
    from urllib.request import getproxies

    return bool(getproxies().keys() - {"no"})  # those are the hosts that need none


def ask_one_key(client: S3Client, options: S3Options, prefix: str, *, strict: bool = True) -> None:
    """Ask for one key: of all requests this one names what is wrong best (a HEAD has no error text).

    Who may not list may still read and write, so without `strict` that is no error.
    """
    bucket = options.bucket
    try:
        if page_of(client, options, prefix, None, 1).get("Contents"):
            return
    except Exception as error:
        if strict or code_of(error) != "AccessDenied":
            raise
        return
    # Not every server minds listing a bucket that is not there.
    try:
        client.head_bucket(Bucket=bucket)
    except Exception as error:
        if code_of(error) in ("404", "NoSuchBucket"):
            raise no_bucket(options) from error
