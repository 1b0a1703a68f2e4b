"""HTTP/1.1 over a connection that is kept, for many small requests: Python's own client takes twice as long for one.

What an S3 server and its client need of https://www.rfc-editor.org/rfc/rfc9112 and no more: no redirects, no proxies,
no codings of the content. What fails is an `OSError`: a connection that ends too early is a `Broken`, and what is no
HTTP, or more than any S3 server would send, a `NotHTTP`.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl

LONGEST = 1 << 53
"""Bytes of the longest body."""
_LINE = 1 << 16
"""Bytes of the longest line of a head."""
_LINES, _HEAD = 200, 1 << 17
"""Lines and bytes of the longest head."""
_EARLY = 8
"""Answers of the kind `100 Continue` before the answer."""
_PIECE = 1 << 20
"""Bytes that are read at a time, whatever length was announced."""
_WHOLE = 64 << 20
"""Bytes of the longest body that is no object's: a listing, an error, the receipt for what was sent."""
_TOGETHER = 1 << 16
"""Bytes of a body up to which it is sent in one go with the head."""
_BODILESS = (204, 304)
_STATUS = re.compile(rb"HTTP/(1\.[01]) ([1-9][0-9]{2})(?: [^\x00\n\r\f\v]*)?")
_FIELD = re.compile(rb"([-!#$%&'*+.^_`|~0-9A-Za-z]+):[ \t]*((?:[^\x00\s]+(?:[ \t]+[^\x00\s]+)*)?)[ \t]*")
_NUMBER = re.compile(r"[0-9]{1,20}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[^\n]*)?[ \t]*\r\n")
_NOTHING_YET = ("BlockingIOError", "SSLWantReadError")


class Broken(ConnectionError):
    """The connection ended before the answer did."""


class NotHTTP(Broken):
    """What came is no answer."""


class Endless(NotHTTP):
    """The answer never begins; boto3 would wait for it without end."""


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
        """Whether nothing was asked yet, or the last answer was read to its end."""

    def __del__(self) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether it was used before, so that the server may have closed it in the meantime."""
        return self._socket is not None

    def request(self, method: str, target: str, headers: Mapping[str, str], body: bytes | bytearray = b"") -> Reply:
        """Send a request and read the head of the answer. An answer that was not read to its end is given up."""
        if not self.is_free or self._has_unread():
            self.close()
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        if body or method in ("PUT", "POST"):
            lines.append(f"content-length: {len(body)}")
        if any("\n" in line or "\r" in line for line in lines):
            raise NotHTTP("a line break within a header")
        head = "\r\n".join([*lines, "accept-encoding: identity", "", ""]).encode("latin-1")
        stream, reader = self._opened()
        self.is_free = False
        if len(body) <= _TOGETHER:
            stream.sendall(head + body)
        else:
            stream.sendall(head)
            stream.sendall(body)
        return Reply(self, reader, method)

    def _has_unread(self) -> bool:
        """Whether something came after the last answer: it would be taken for the next one."""
        if self._socket is None:
            return False
        self._socket.setblocking(False)
        try:
            return bool(self._file.peek(1))
        except OSError as error:
            return type(error).__name__ not in _NOTHING_YET
        finally:
            self._socket.settimeout(self._seconds[1])

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
        for _ in range(_EARLY + 1):
            version, self.status = self._status()
            self.headers = self._headers()
            if self.status >= 200:
                break
        else:
            raise Endless(f"more than {_EARLY} answers before the answer")
        tokens = self.headers.get("connection", "").lower().split(",")
        self._is_last = version == b"1.0" or "close" in (token.strip() for token in tokens)
        self._is_chunked = "transfer-encoding" in self.headers
        self.length = self._length(method)
        self._left = self.length
        self._is_read = False
        if not self._left and self._left is not None:
            self._end()

    def _status(self) -> tuple[bytes, int]:
        found = _STATUS.fullmatch(self._line())
        if found is None or found[2] == b"101":  # nobody asked for another protocol
            raise NotHTTP("the answer is no HTTP")
        return found[1], int(found[2])

    def _headers(self) -> dict[str, str]:
        """The lines up to an empty one; those of one name are one value."""
        lines: list[bytes] = []
        total = 0
        while line := self._line():
            total += len(line)
            if len(lines) == _LINES or total > _HEAD:
                raise NotHTTP("the answer's head is too long")
            if line[:1] in (b" ", b"\t") and lines:
                lines[-1] += b" " + line.lstrip(b" \t")  # as heads were folded once
            else:
                lines.append(line)
        found: dict[str, str] = {}
        for line in lines:
            match = _FIELD.fullmatch(line)
            if match is None:
                raise NotHTTP("a line of the answer's head is no header")
            name, value = match[1].decode().lower(), match[2].decode("latin-1")
            found[name] = f"{found[name]}, {value}" if name in found else value
        _check_framing(found)
        return found

    def _line(self) -> bytes:
        line: bytes = self._reader.readline(_LINE)
        if not line.endswith(b"\n"):
            raise NotHTTP("a line is too long") if len(line) == _LINE else Broken("the connection ended within a line")
        return line[:-1].removesuffix(b"\r")

    def _length(self, method: str) -> int | None:
        if method == "HEAD" or self.status in _BODILESS:
            return 0
        text = self.headers.get("content-length")
        return None if self._is_chunked or text is None else int(text)

    def read(self, amount: int) -> bytes:
        """Up to so many bytes of a body whose length is known; none at its end."""
        wanted = min(amount, self._left or 0)
        if not wanted:
            return b""  # the connection may be closed by now
        data = self._exactly(wanted)
        self._left = (self._left or 0) - wanted
        if not self._left:
            self._end()
        return data

    def read_all(self) -> bytes:
        """The rest of the body, which may not be longer than an answer that is no object's."""
        if self._left is not None:
            if self._left > _WHOLE:
                raise NotHTTP("the answer is too long")
            return self.read(self._left)
        data = b"".join(_bounded(self._chunks() if self._is_chunked else self._rest()))
        # Who sends both a length and chunks may mean something else by what comes next.
        self._is_last = self._is_last or not self._is_chunked or "content-length" in self.headers
        self._end()
        return data

    def _exactly(self, size: int) -> bytes:
        pieces: list[bytes] = []
        while size:
            piece = self._reader.read(min(size, _PIECE))
            if not piece:
                raise Broken("the connection ended within the answer")
            pieces.append(piece)
            size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _rest(self) -> Iterator[bytes]:
        while piece := self._reader.read(_PIECE):
            yield piece

    def _chunks(self) -> Iterator[bytes]:
        while True:
            line = self._reader.readline(_LINE)
            if not line.endswith(b"\n") and len(line) < _LINE:
                raise Broken("the connection ended within a chunk")
            found = _CHUNK.fullmatch(line)
            if found is None:
                raise NotHTTP("the size of a chunk is no number")
            size = int(found[1], 16)
            if size > _WHOLE:
                raise NotHTTP("a chunk is too long")
            if not size:
                self._headers()  # trailers
                return
            yield self._exactly(size)
            if self._exactly(2) != b"\r\n":
                raise NotHTTP("a chunk is longer than it says")

    def _end(self) -> None:
        self._is_read = self._connection.is_free = True
        if self._is_last:
            self._connection.close()

    def close(self) -> None:
        """Give up what was not read."""
        if not self._is_read:
            self._connection.close()


def _check_framing(headers: dict[str, str]) -> None:
    """Raise unless a head says in one way how long its body is: https://www.rfc-editor.org/rfc/rfc9112#section-6.3."""
    text = headers.get("content-length")
    if text is not None:
        lengths = {part.strip(" \t") for part in text.split(",")}
        length = lengths.pop()
        if lengths:
            raise NotHTTP("the answer has two lengths")
        if not _NUMBER.fullmatch(length) or int(length) > LONGEST:
            raise NotHTTP("the answer's length is no number")
        headers["content-length"] = length
    if headers.get("transfer-encoding", "chunked").lower() != "chunked":
        raise NotHTTP("the answer is coded in a way that nobody asked for")


def _bounded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > _WHOLE:
            raise NotHTTP("the answer is too long")
        yield piece
