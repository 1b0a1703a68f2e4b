"""Keeping secrets out of what is printed or logged."""

from __future__ import annotations

import os
import re

MASK = "***"
_ENVIRONMENT = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_SHORTEST = 6
_URL_PASSWORD = re.compile(r"(?<=://)([^/\s:@]*):([^/\s@]+)@")
_ASSIGNMENT = re.compile(
    r"(?i)\b((?:aws_)?(?:secret_access_key|session_token|secret|password|passphrase|sse_customer_key|X-Amz-Signature|X-Amz-Security-Token)"
    r"[\"']?\s*[=:]\s*[\"']?)[^\s\"',&}]+"
)
_known: set[str] = set()


def remember(secret: str | None) -> None:
    """Never print this value in this process."""
    if secret and len(secret) >= _SHORTEST:
        _known.add(secret)


def redact(text: str) -> str:
    """The text with every known or recognisable secret masked."""
    secrets = _known | {value for name in _ENVIRONMENT if len(value := os.environ.get(name, "")) >= _SHORTEST}
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = _URL_PASSWORD.sub(rf"\1:{MASK}@", text)
    return _ASSIGNMENT.sub(rf"\1{MASK}", text)
