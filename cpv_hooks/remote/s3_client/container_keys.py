"""The keys of a container's role (ECS, EKS Pod Identity, SageMaker), asked for without the start of boto3.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html, as botocore's ContainerProvider
does. What is not plain is left to boto3: it asks again, and says what is wrong.
"""

from __future__ import annotations

import ipaddress
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from cpv_hooks.remote.s3_client.signing import Keys

METHOD = "container-role"
"""botocore's name for it."""
SECRETS = frozenset({"AWS_CONTAINER_AUTHORIZATION_TOKEN"})
"""Variables that say what nobody may know."""
_RELATIVE, _FULL = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"
_TOKEN, _TOKEN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
_HOST = "169.254.170.2"
_HOSTS = frozenset({_HOST, "169.254.170.23", "fd00:ec2::23", "localhost"})
_SECONDS = 2.0
_MOST = 1 << 16
_FRESH = 900.0
"""Seconds that keys must hold; boto3 renews them that long before they end."""


def ask() -> Keys | None:
    """The keys; None where they are not to be had in this way."""
    from http.client import HTTPConnection, HTTPException

    relative = os.environ.get(_RELATIVE)
    url = urlsplit(os.environ.get(_FULL, "") if relative is None else f"http://{_HOST}{relative}")
    try:
        if url.scheme != "http" or url.hostname is None or not _is_near(url.hostname):
            return None
        connection = HTTPConnection(url.hostname, url.port, timeout=_SECONDS)
        try:
            path = url.path or "/"
            connection.request("GET", f"{path}?{url.query}" if url.query else path, headers=_headers())
            answer = connection.getresponse()
            return _read(answer.read(_MOST)) if answer.status == 200 else None
        finally:
            connection.close()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, HTTPException):
        return None


def _is_near(host: str) -> bool:
    if host in _HOSTS:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _headers() -> dict[str, str]:
    file = os.environ.get(_TOKEN_FILE)
    token = os.environ.get(_TOKEN) if file is None else Path(file).read_text()
    if token and ("\r" in token or "\n" in token):
        raise ValueError("not a header")
    return {"Accept": "application/json", **({} if token is None else {"Authorization": token})}


def _read(data: bytes) -> Keys | None:
    found = json.loads(data)
    left = datetime.fromisoformat(found["Expiration"]) - datetime.now(UTC)
    access, secret, token = found["AccessKeyId"], found["SecretAccessKey"], found["Token"]
    if not (isinstance(access, str) and isinstance(secret, str) and access and secret):
        return None
    return Keys(access, secret, token or None) if left.total_seconds() > _FRESH else None
