"""The keys of a container's role (ECS, EKS Pod Identity, SageMaker), as botocore's ContainerProvider asks for them.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

from __future__ import annotations

import ipaddress
import json
import os
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from cpv_hooks.remote.s3_client.key_requests import Session, answer_to, session_of

SECRETS = frozenset({"AWS_CONTAINER_AUTHORIZATION_TOKEN"})
"""Variables that say what nobody may know."""
_RELATIVE, _FULL = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"
_TOKEN, _TOKEN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
_HOST = "169.254.170.2"
_HOSTS = frozenset({_HOST, "169.254.170.23", "fd00:ec2::23", "localhost"})


def ask() -> Session:
    """The keys; one of `FAILURES` where they are not to be had in this way."""
    relative = os.environ.get(_RELATIVE)
    url = os.environ.get(_FULL, "") if relative is None else f"http://{_HOST}{relative}"
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname is None or not _is_near(parts.hostname):
        raise ValueError("no service of this machine")
    found = json.loads(answer_to("GET", url, _headers()))
    ends = datetime.fromisoformat(found["Expiration"])
    return session_of(found["AccessKeyId"], found["SecretAccessKey"], found["Token"], ends)


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
    return {"Accept": "application/json", **({} if token is None else {"Authorization": token})}
