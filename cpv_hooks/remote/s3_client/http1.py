"""HTTP/1.1 over a connection that is kept, for many small requests: Python's own client takes twice as long for one.

What an S3 server and its client need of https://www.rfc-editor.org/rfc/rfc9112 and no more: no redirects, no proxies,
no codings of the content. What fails is an `OSError`, what is no HTTP a `Broken`, which is one too.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl

_LINE = 1 << 16
"""Bytes of the longest line of a head."""
_LINES = 200
_TOGETHER = 1 << 16
"""Bytes of a body up to which it is sent in one go with the head."""
_BODILESS = (204, 304)
_ENDS = (b"\r\n", b"\n")


class Broken(ConnectionError):
    """The connection ended before the answer did, or what came is no answer."""


class Connection:
    """A connection to `host` (with its port where it has one), made with the first request.

    `seconds` are those to be connected and those for bytes to come; a `context` is for TLS. One thread at a time.
    """

    def __init__(self, host: str, seconds: tuple[float, float], context: ssl.SSLContext | None = None) -> None:
        self._host = urlsplit(f"//{host}")
        self._seconds = seconds
        self._context = context
        self._socket: socket.socket | None = None
        self._file: Any = None
        self.is_free = True
        """Whether the last answer was read to its end."""

    def __del__(self) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether it was used before, so that the server may have closed it in the meantime."""
        return self._socket is not None

    def request(self, method: str, target: str, headers: Mapping[str, str], body: bytes | bytearray = b"") -> Reply:
        """Send a request and read the head of the answer. An answer that was not read to its end is given up."""
        if not self.is_free:
            self.close()
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        if body or method in ("PUT", "POST"):
            lines.append(f"content-length: {len(body)}")
        if any("\n" in line or "\r" in line for line in lines):
            raise Broken("a line break within a header")
        head = "\r\n".join([*lines, "accept-encoding: identity", "", ""]).encode("latin-1")
        stream, reader = self._opened()
        if len(body) <= _TOGETHER:
            stream.sendall(head + body)
        else:
            stream.sendall(head)
            stream.sendall(body)
        self.is_free = False
        return Reply(self, reader, method)

    def _opened(self) -> tuple[Any, Any]:
        if self._socket is None:
            port = self._host.port or (443 if self._context else 80)
            found = socket.create_connection((self._host.hostname or "", port), timeout=self._seconds[0])
            try:
                found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._context:
                    found = self._context.wrap_socket(found, server_hostname=self._host.hostname)
                found.settimeout(self._seconds[1])
            except BaseException:
                found.close()
                raise
            self._socket, self._file = found, found.makefile("rb", buffering=_LINE)
        return self._socket, self._file

    def close(self) -> None:
        """Close it; the next request opens it anew."""
        reader, stream, self._file, self._socket, self.is_free = self._file, self._socket, None, None, True
        with suppress(OSError):
            if reader is not None:
                reader.close()
        if stream is not None:
            stream.close()


class Reply:
    """An answer, whose head has been read. `length` is the bytes of its body; None where only its end will tell."""

    def __init__(self, connection: Connection, reader: Any, method: str) -> None:
        self._connection = connection
        self._reader = reader
        status = 100
        while 100 <= status < 200:
            version, status = self._status()
            self.headers = self._headers()
        self.status = status
        self._is_last = version == b"HTTP/1.0" or self.headers.get("connection", "").lower() == "close"
        self._is_chunked = self.headers.get("transfer-encoding", "").lower() == "chunked"
        self.length = self._length(method)
        self._left = self.length
        self._is_read = False
        if not self._left and self._left is not None:
            self._end()

    def _status(self) -> tuple[bytes, int]:
        version, _, rest = self._line().partition(b" ")
        if version not in (b"HTTP/1.1", b"HTTP/1.0") or not rest[:3].isdigit():
            raise Broken("the answer is no HTTP")
        return version, int(rest[:3])

    def _headers(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for _ in range(_LINES):
            line = self._line()
            if line in _ENDS:
                return found
            name, _, value = line.decode("latin-1").partition(":")
            found[name.lower()] = value.strip()
        raise Broken("the answer's head is too long")

    def _line(self) -> bytes:
        line: bytes = self._reader.readline(_LINE)
        if not line.endswith(b"\n"):
            raise Broken("the connection ended within a line")
        return line

    def _length(self, method: str) -> int | None:
        if method == "HEAD" or self.status in _BODILESS:
            return 0
        text = self.headers.get("content-length")
        if self._is_chunked or text is None:
            return None
        if not text.isdecimal():
            raise Broken("the answer's length is no number")
        return int(text)

    def read(self, amount: int) -> bytes:
        """Up to so many bytes of a body whose length is known; none at its end."""
        wanted = min(amount, self._left or 0)
        if not wanted:
            return b""  # the connection may be closed by now
        data: bytes = self._reader.read(wanted)
        if len(data) < wanted:
            raise Broken("the connection ended within the answer")
        self._left = (self._left or 0) - wanted
        if not self._left:
            self._end()
        return data

    def read_all(self) -> bytes:
        """The rest of the body."""
        if self._left is not None:
            return self.read(self._left)
        data: bytes = b"".join(self._chunks()) if self._is_chunked else bytes(self._reader.read())
        self._is_last = self._is_last or not self._is_chunked
        self._end()
        return data

    def _chunks(self) -> list[bytes]:
        found: list[bytes] = []
        while True:
            try:
                size = int(self._line().partition(b";")[0], 16)
            except ValueError as error:
                raise Broken("the size of a chunk is no number") from error
            if size < 0:
                raise Broken("the size of a chunk is negative")
            if not size:
                self._headers()  # trailers
                return found
            data = self._reader.read(size)
            if len(data) < size or self._line() not in _ENDS:
                raise Broken("the connection ended within a chunk")
            found.append(data)

    def _end(self) -> None:
        self._is_read = self._connection.is_free = True
        if self._is_last:
            self._connection.close()

    def close(self) -> None:
        """Give up what was not read."""
        if not self._is_read:
            self._connection.close()
