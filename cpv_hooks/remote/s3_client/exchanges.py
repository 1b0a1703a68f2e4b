"""Requests to an S3 server and their answers, over a connection for each thread. `wire` says what is asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cpv_hooks.console.trace import emit_trace, is_heard
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.remote.s3_client.answers import is_encrypted
from cpv_hooks.remote.s3_client.http1 import Connection
from cpv_hooks.remote.s3_client.http1_reply import Endless, NotHTTP, Reply
from cpv_hooks.remote.s3_client.request_signing import Pattern, Way
from cpv_hooks.remote.s3_client.tls_context import context_of

FOUND, MISSING = 200, 404
OK = (FOUND,)
_CHANGED, _IN_TROUBLE = 412, 500


@dataclass(frozen=True)
class Answer:
    """What the server answered with success: all of it in `data`, or, of an object that is read, a `body`.

    A connection that breaks as the body is read is an `OSError`.
    """

    status: int
    length: int
    headers: Mapping[str, str] = field(repr=False)
    data: bytes
    body: Reply | None

    @property
    def tag(self) -> str:
        """The object's tag, in quotes; empty where the server gives none."""
        return self.headers.get("etag", "")

    @property
    def is_encrypted(self) -> bool:
        """Whether the object is, so that its tag may be no MD5."""
        return is_encrypted(self.headers)

    @property
    def is_there(self) -> bool:
        """Whether there is such an object."""
        return self.status != MISSING


class S3Request(NamedTuple):
    """What is asked. `is_whole`: all of the answer is read; `says_all`: a refusal holds for what else is asked."""

    pattern: Pattern
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes | bytearray = b""
    expected: tuple[int, ...] = OK
    is_whole: bool = True
    says_all: bool = True


class Exchanges:
    """`seconds` are those to be connected and those for bytes to come; `distrust` is called for what no S3 server says,
    or refuses whatever is asked."""

    def __init__(self, seconds: tuple[int, int], distrust: Callable[[], None]) -> None:
        self._seconds = seconds
        self._distrust = distrust
        self._local = threading.local()
        self._spare: list[Connection] = []

    def ask(self, way: Way, request: S3Request) -> Answer | None:
        """The answer; None where it is no success. Raises `Endless`."""
        pattern = request.pattern
        if is_heard():
            target = f"{request.path}?{request.query}" if request.query else request.path
            emit_trace("debug", f"{request.method} {pattern.scheme}://{pattern.host}{target}")
        connection = self._connection(pattern, way.trust)
        is_old = connection.is_open
        try:
            try:
                return self._once(connection, way, request)
            except ConnectionError:
                if not is_old:
                    raise
            # The server had closed a connection that was not used for a while.
            connection.close()
            return self._once(connection, way, request)
        except Endless:
            connection.close()
            raise
        except NotHTTP:
            connection.close()
            self._distrust()
            return None
        except (OSError, ValueError):
            connection.close()
            return None

    def _once(self, connection: Connection, way: Way, request: S3Request) -> Answer | None:
        method, body = request.method, request.body
        signed = request.pattern.signed(way.keys, method, request.path, request.query, body, request.headers)
        reply = connection.request(method, signed.target, signed.headers, body)
        length = reply.length
        if method == "HEAD" and reply.status == FOUND:
            length = int(reply.headers.get("content-length", "0"))
        if reply.status in request.expected:
            if request.is_whole:
                data = reply.read_all()
                return Answer(reply.status, length or len(data), reply.headers, data, None)
            if length is not None:
                return Answer(reply.status, length, reply.headers, b"", reply)
        # Where it is not this object or this moment that is wrong, the next request would fail as well.
        if request.says_all and reply.status < _IN_TROUBLE and reply.status not in (MISSING, _CHANGED):
            self._distrust()
        reply.close()
        return None

    def _connection(self, pattern: Pattern, trust: str | None) -> Connection:
        held: _Held | None = getattr(self._local, "held", None)
        if held is None:
            try:
                connection = self._spare.pop()
            except IndexError:
                context = context_of(trust) if pattern.scheme == "https" else None
                connection = Connection(pattern.host, self._seconds, context)
            held = self._local.held = _Held(connection, self._spare)
        return held.connection


class _Held:
    """The connection of a thread; with the thread's end it is spare, since each new one costs round trips."""

    def __init__(self, connection: Connection, spare: list[Connection]) -> None:
        self.connection = connection
        self._spare = spare

    def __del__(self) -> None:
        if self.connection.is_open and self.connection.is_free:
            self._spare.append(self.connection)
