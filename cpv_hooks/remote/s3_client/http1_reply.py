"""An answer of HTTP/1.1, read in pieces and within bounds: https://www.rfc-editor.org/rfc/rfc9112."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

LONGEST = 1 << 53
"""Bytes of the longest body."""
LINE = 1 << 16
"""Bytes of the longest line of a head."""
_LINES, _HEAD = 200, 1 << 17
"""Lines and bytes of the longest head."""
_EARLY = 8
"""Answers of the kind `100 Continue` before the answer."""
_PIECE = 1 << 20
"""Bytes that are read at a time, whatever length was announced."""
_WHOLE = 64 << 20
"""Bytes of the longest body that is no object's: a listing, an error, the receipt for what was sent."""
_BODILESS = (204, 304)
_STATUS = re.compile(rb"HTTP/(1\.[01]) ([1-9][0-9]{2})(?: [^\x00\n\r\f\v]*)?")
_FIELD = re.compile(rb"([-!#$%&'*+.^_`|~0-9A-Za-z]+):[ \t]*((?:[^\x00\s]+(?:[ \t]+[^\x00\s]+)*)?)[ \t]*")
_NUMBER = re.compile(r"[0-9]{1,20}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[^\n]*)?[ \t]*\r\n")


class Broken(ConnectionError):
    """The connection ended before the answer did."""


class NotHTTP(Broken):
    """What came is no answer."""


class Endless(NotHTTP):
    """The answer never begins; boto3 would wait for it without end."""


class Reply:
    """An answer, whose head has been read. `length` is the bytes of its body; None where only its end will tell.

    `end` is told when it was read or given up, and whether it is the last one of its connection.
    """

    def __init__(self, end: Callable[[bool], None], reader: Any, method: str) -> None:
        self._tell_end = end
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
        line: bytes = self._reader.readline(LINE)
        if not line.endswith(b"\n"):
            raise NotHTTP("a line is too long") if len(line) == LINE else Broken("the connection ended within a line")
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
            line = self._reader.readline(LINE)
            if not line.endswith(b"\n") and len(line) < LINE:
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
        self._is_read = True
        self._tell_end(self._is_last)

    def close(self) -> None:
        """Give up what was not read."""
        if not self._is_read:
            self._tell_end(True)


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
