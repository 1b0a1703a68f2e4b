"""A request like one that boto3 made, for another object: its path, its headers, its signature.

Signing: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from cpv_hooks.named_tuple import NamedTuple

STAND_IN = "0" * 32
"""The object id that boto3 is asked for."""
UNSIGNED = "UNSIGNED-PAYLOAD"
MOMENT = "%Y%m%dT%H%M%SZ"
_CUSTOMER_KEY = "x-amz-server-side-encryption-customer-"
_SESSION = "x-amz-security-token"


@dataclass(frozen=True)
class Keys:
    """What a request is signed with."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(repr=False, default=None)


@dataclass(frozen=True)
class Pattern:
    """What boto3 would ask of the stand-in, without what only its keys say: where it lies, with which headers.

    `key` is the stand-in's key in its bucket, `region` the signature's.
    """

    url: str
    key: str
    headers: Mapping[str, str] = field(repr=False)
    signs_body: bool
    user_agent: str
    region: str

    @property
    def scheme(self) -> str:
        return urlsplit(self.url).scheme

    @property
    def host(self) -> str:
        return host_of(self.url)

    def path(self, oid: str) -> str:
        """The path of an object."""
        return f"{urlsplit(self.url).path[: -len(STAND_IN) - 1]}{oid[:2]}/{oid[2:]}"

    @property
    def bucket_path(self) -> str:
        return urlsplit(self.url).path.removesuffix(quote(self.key, safe="/~")).rstrip("/") or "/"

    @property
    def bucket_headers(self) -> dict[str, str]:
        """The headers with which the bucket itself is asked: without those of an object's encryption."""
        return {name: value for name, value in self.headers.items() if not name.startswith(_CUSTOMER_KEY)}

    @property
    def has_customer_key(self) -> bool:
        """Whether its headers hold the key that objects are encrypted with."""
        return any(name.startswith(_CUSTOMER_KEY) for name in self.headers)

    def signed(
        self, keys: Keys, method: str, path: str, query: str, body: bytes | bytearray, asked: Mapping[str, str]
    ) -> Signed:
        """A request with the headers that are `asked`, and those that sign it; `query` is sorted and quoted."""
        content = hashlib.sha256(body).hexdigest() if self.signs_body else UNSIGNED
        whole = {**asked, "host": self.host, "x-amz-content-sha256": content}
        headers = signed(Request(method, path, query, whole, content), keys, self.region, "s3")
        headers["user-agent"] = self.user_agent
        return Signed(f"{path}?{query}" if query else path, headers)


class Request(NamedTuple):
    """What is signed. `query` is sorted and quoted, `content` the body's SHA-256 or the word for none."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    content: str


def signed(request: Request, keys: Keys, region: str, service: str) -> dict[str, str]:
    """A request's headers, and those that sign it."""
    moment = datetime.now(UTC).strftime(MOMENT)
    headers = {**request.headers, "x-amz-date": moment}
    if keys.token:
        headers[_SESSION] = keys.token
    names = sorted(headers)
    told = [*(f"{name}:{headers[name]}" for name in names), "", ";".join(names)]
    whole = "\n".join([request.method, request.path, request.query, *told, request.content])
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(whole.encode()).hexdigest()
    key = f"AWS4{keys.secret_key}".encode()
    for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"):
        key = hmac.digest(key, part.encode(), "sha256")
    credential = f"AWS4-HMAC-SHA256 Credential={keys.access_key}/{scope}"
    headers["authorization"] = f"{credential}, SignedHeaders={';'.join(names)}, Signature={key.hex()}"
    return headers


def host_of(url: str) -> str:
    """The server's name in a URL, with its port where it is not the usual one."""
    parts = urlsplit(url)
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    usual = parts.port in (None, 443 if parts.scheme == "https" else 80)
    return name if usual else f"{name}:{parts.port}"


@dataclass(frozen=True)
class Signed:
    """A request as it is sent, but for its body."""

    target: str
    headers: dict[str, str] = field(repr=False)


class Way(NamedTuple):
    """How objects are stored and how they are read, with what signs it, and whom to trust that it is the server.

    `trust` is a file or folder of certificates; None where any server will do.
    """

    store: Pattern
    read: Pattern
    keys: Keys
    trust: str | None
