"""Many small objects: boto3's own requests, sent again for other objects without what boto3 costs each time.

One request for a stand-in object is made by boto3 and caught before it is sent. It says where objects are, and with
which headers they are stored or read; for each object only its key, its checksum, the date and the signature change.
A request takes a tenth of boto3's processor time, which with small objects is what bounds their number. What does not
answer with success is left to boto3, which tries again and knows what is wrong.
"""

from __future__ import annotations

import base64
import http.client
import ssl
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from cpv_hooks.remote.s3_signing import STAND_IN, UNSIGNED, Pattern
from cpv_hooks.trace import emit, is_heard

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_FRESH_SECONDS = 300.0
"""How long what was learned holds: boto3 renews credentials that expire ten minutes before they do."""
_CHANGING = frozenset({"x-amz-date", "x-amz-content-sha256"})


@dataclass(frozen=True)
class Answer:
    """What the server answered with success. `data` is None where it was more than was asked for."""

    length: int
    tag: str
    data: bytes | None


class Wire:
    """Requests for the objects below one key. `place` are boto3's parameters for the stand-in, `storage` for storing.

    Threads may share one; each has a connection of its own.
    """

    def __init__(self, client: S3Client, place: dict[str, Any], storage: dict[str, Any]) -> None:
        self._client: Any = client
        self._place = place
        self._storage = storage
        self._lock = threading.Lock()
        self._local = threading.local()
        self._patterns: dict[str, Pattern] = {}
        self._trusted: ssl.SSLContext | None = None
        self._is_off = False

    def put(self, oid: str, data: bytes, md5: bytes) -> Answer | None:
        """Store an object, whose MD5 the server checks; None where boto3 should."""
        return self._request("PUT", oid, data, {"content-md5": base64.b64encode(md5).decode()}, most=0)

    def get(self, oid: str, most: int) -> Answer | None:
        """Read an object of up to so many bytes; None where boto3 should."""
        return self._request("GET", oid, b"", {}, most=most)

    def _request(self, method: str, oid: str, body: bytes, extra: dict[str, str], *, most: int) -> Answer | None:
        pattern = self._pattern(method)
        if pattern is None:
            return None
        path = pattern.path(oid)
        if is_heard():
            emit("debug", f"{method} {pattern.url.scheme}://{pattern.url.netloc}{path}")
        try:
            connection = self._connection(pattern.url)
            connection.request(method, path, body=body or None, headers=pattern.signed(path, body, extra))
            return self._taken(connection.getresponse(), most)
        except (OSError, http.client.HTTPException):
            self._hang_up()
            return None

    def _taken(self, response: http.client.HTTPResponse, most: int) -> Answer | None:
        tag, length = response.headers.get("ETag", ""), response.length
        if response.status != http.HTTPStatus.OK or length is None:
            # Where it is not this object or this moment that is wrong, the next request would fail as well.
            self._is_off = self._is_off or (response.status < 500 and response.status != http.HTTPStatus.NOT_FOUND)
            self._hang_up()
            return None
        if length > most:
            self._hang_up()
            return Answer(length, tag, None)
        return Answer(length, tag, response.read())

    # Connections

    def _connection(self, url: SplitResult) -> http.client.HTTPConnection:
        held: _Held | None = getattr(self._local, "held", None)
        if held is None:
            seconds = self._client.meta.config.read_timeout
            if url.scheme == "https":
                held = _Held(http.client.HTTPSConnection(url.netloc, timeout=seconds, context=self._trusted))
            else:
                held = _Held(http.client.HTTPConnection(url.netloc, timeout=seconds))
            self._local.held = held
        return held.connection

    def _hang_up(self) -> None:
        self._local.held = None

    def _trust(self) -> ssl.SSLContext:
        """What boto3 trusts."""
        from pathlib import Path

        from botocore.httpsession import get_cert_path

        verify = self._client._endpoint.http_session._verify
        place = get_cert_path(verify) if verify else None
        if place is None:
            return ssl._create_unverified_context()  # noqa: S323 - the user's `ssl_verify = false`
        folder = Path(place).is_dir()
        return ssl.create_default_context(cafile=None if folder else place, capath=place if folder else None)

    # What boto3 would send

    def _pattern(self, method: str) -> Pattern | None:
        with self._lock:
            found = self._patterns.get(method)
            if self._is_off or (found is not None and time.monotonic() - found.learned < _FRESH_SECONDS):
                return None if self._is_off else found
            try:
                found = self._learn(method)
            except AttributeError:
                # Not all that is asked of boto3 is public; without it everything goes the longer way.
                found = None
            self._is_off = found is None
            if found is not None:
                self._patterns[method] = found
            return found

    def _learn(self, method: str) -> Pattern | None:
        from urllib.request import getproxies

        request = None if getproxies() else self._caught(method)
        if request is None:
            return None
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        scheme, _, rest = headers.get("authorization", "").partition(" Credential=")
        access_key, *scope = rest.partition(",")[0].rsplit("/", 4)
        url = urlsplit(request.url)
        if scheme != "AWS4-HMAC-SHA256" or scope[2:] != ["s3", "aws4_request"]:
            return None
        credentials = self._client._request_signer._credentials.get_frozen_credentials()
        is_same = access_key == credentials.access_key and url.path.endswith(f"/{STAND_IN[:2]}/{STAND_IN[2:]}")
        kept = {name: value for name, value in headers.items() if name.startswith("x-amz-") and name not in _CHANGING}
        if not is_same or url.query or any("checksum" in name for name in kept):
            return None
        if url.scheme == "https" and self._trusted is None:
            self._trusted = self._trust()
        return Pattern(
            method,
            url,
            kept,
            headers.get("x-amz-content-sha256") != UNSIGNED,
            headers.get("user-agent", ""),
            access_key,
            credentials.secret_key,
            scope[1],
            time.monotonic(),
        )

    def _caught(self, method: str) -> Any:
        """The request that boto3 would send for the stand-in; it is never sent."""
        from botocore.awsrequest import AWSResponse

        operation = {"PUT": "PutObject", "GET": "GetObject"}[method]
        caught: list[Any] = []
        no_headers: Any = {}
        thread = threading.get_ident()

        def catch(request: Any, **_: Any) -> Any:
            if threading.get_ident() != thread:
                return None
            request.is_kept_back = True  # so that nobody is told of it
            caught.append(request)
            return AWSResponse(request.url, 200, no_headers, _NOTHING)

        events, name = self._client.meta.events, f"before-send.s3.{operation}"
        events.register_first(name, catch)
        try:
            if method == "PUT":
                self._client.put_object(**self._place, **self._storage, Body=b"", ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==")
            else:
                self._client.get_object(**self._place)
        finally:
            events.unregister(name, catch)
        return caught[0] if caught else None


class _Held:
    """A connection that is closed when its thread ends."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self.connection = connection

    def __del__(self) -> None:
        self.connection.close()


class _Nothing:
    """The body of an answer that nobody gave."""

    def stream(self, *_: Any, **__: Any) -> Any:
        return iter(())

    def read(self, *_: Any, **__: Any) -> bytes:
        return b""


_NOTHING = _Nothing()


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
