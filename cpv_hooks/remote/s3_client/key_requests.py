"""What all services that hand out AWS keys have in common: a small request, and keys that hold for a while."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.remote.s3_client.http1 import Connection
from cpv_hooks.remote.s3_client.request_signing import Keys, host_of
from cpv_hooks.remote.s3_client.tls_context import context_of

NEAR, FAR = (2.0, 2.0), (5.0, 20.0)
"""Seconds to be connected, and for bytes to come: of services of this machine, and of others."""
FAILURES = (OSError, ValueError, KeyError, TypeError, AttributeError)
"""What comes of answers and settings that are not what they should be. boto3 asks again, and says what is wrong."""


class Service(NamedTuple):
    """A service that boto3 was seen to ask: its address, the region of a signature, whom to trust that it is it."""

    url: str
    region: str
    trust: str | None


class Session(NamedTuple):
    """Keys, and until when they hold; None where they do not end."""

    keys: Keys
    ends: datetime | None

    def holds_for(self, seconds: float) -> bool:
        return self.ends is None or (self.ends - datetime.now(UTC)).total_seconds() > seconds


def session_of(access: object, secret: object, token: object, ends: datetime | None) -> Session:
    """A session of what a service says; `ValueError` where it is none."""
    if not (isinstance(access, str) and isinstance(secret, str) and access and secret):
        raise ValueError("no keys")
    if not isinstance(token, str | None) or (ends is not None and ends.tzinfo is None):
        raise ValueError("no session")
    return Session(Keys(access, secret, token or None), ends)


def answer_to(
    method: str,
    url: str,
    headers: dict[str, str],
    body: bytes = b"",
    *,
    trust: str | None = None,
    seconds: tuple[float, float] = NEAR,
) -> bytes:
    """What a service answers to one request; `OSError` or `ValueError` where that is no success."""
    parts = urlsplit(url)
    connection = Connection(host_of(url), seconds, context_of(trust) if parts.scheme == "https" else None)
    path = parts.path or "/"
    target = f"{path}?{parts.query}" if parts.query else path
    try:
        reply = connection.request(method, target, {"host": host_of(url), **headers}, body)
        if reply.status != 200:
            raise ValueError(f"the service answered {reply.status}")
        return reply.read_all()
    finally:
        connection.close()
