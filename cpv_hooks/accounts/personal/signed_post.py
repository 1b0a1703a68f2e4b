"""One POST of an event to a program: CloudEvents in JSON, signed as Standard Webhooks says.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from urllib.request import Request

from cpv_hooks.accounts.personal.http_request import send_request

_TYPE = "application/cloudevents+json; charset=utf-8"
_PREFIX = "whsec_"


def post(url: str, secret: str, ident: str, body: bytes, seconds: float) -> None:
    """Send it once. Raises `OSError` or `ValueError` with the reason."""
    from cpv_hooks import __version__

    moment = str(int(time.time()))
    headers = {
        "Content-Type": _TYPE,
        "User-Agent": f"dvc-cpv/{__version__}",
        "webhook-id": ident,
        "webhook-timestamp": moment,
        "webhook-signature": post_signature(secret, ident, moment, body),
    }
    request = Request(url, body, headers, method="POST")  # noqa: S310 - the settings allow https, and this machine
    send_request(request, seconds)


def post_signature(secret: str, ident: str, moment: str, body: bytes) -> str:
    """HMAC-SHA256 of the message's id, its time and its body."""
    signed = f"{ident}.{moment}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode()


def _key(secret: str) -> bytes:
    """What follows `whsec_` is Base64; any other text is the key itself."""
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error as error:
            raise ValueError("what follows whsec_ in notify.secret is not Base64") from error
    return secret.encode()
