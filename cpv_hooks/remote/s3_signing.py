"""A request like one that boto3 made, for another object: its path, its headers, its signature.

Signing: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import SplitResult

STAND_IN = "0" * 32
"""The object id that boto3 is asked for."""
UNSIGNED = "UNSIGNED-PAYLOAD"


@dataclass(frozen=True)
class Pattern:
    """A request of boto3's for the stand-in, and what signs others like it.

    `learned` is when it was made, by the monotonic clock in seconds.
    """

    method: str
    url: SplitResult
    headers: dict[str, str] = field(repr=False)
    signs_body: bool
    user_agent: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str
    learned: float

    def path(self, oid: str) -> str:
        """The path of an object."""
        return f"{self.url.path[: -len(STAND_IN) - 1]}{oid[:2]}/{oid[2:]}"

    def signed(self, path: str, body: bytes, extra: dict[str, str]) -> dict[str, str]:
        """The headers of a request."""
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        content = hashlib.sha256(body).hexdigest() if self.signs_body else UNSIGNED
        headers = {
            **self.headers,
            **extra,
            "host": self.url.netloc,
            "x-amz-content-sha256": content,
            "x-amz-date": moment,
        }
        names = sorted(headers)
        lines = [self.method, path, "", *(f"{name}:{headers[name]}" for name in names), "", ";".join(names), content]
        scope = f"{moment[:8]}/{self.region}/s3/aws4_request"
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        key = f"AWS4{self.secret_key}".encode()
        for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"):
            key = hmac.digest(key, part.encode(), "sha256")
        credential = f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}"
        headers["authorization"] = f"{credential}, SignedHeaders={';'.join(names)}, Signature={key.hex()}"
        headers["user-agent"] = self.user_agent
        return headers
