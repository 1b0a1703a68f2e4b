"""HTTP/1.1 over a connection that is kept, for many small requests: Python's own client takes twice as long for one.

What an S3 server and its client need of https://www.rfc-editor.org/rfc/rfc9112 and no more: no redirects, no proxies,
no codings of the content. What fails is an `OSError`: a connection that ends too early is a `Broken`, and what is no
HTTP, or more than any S3 server would send, a `NotHTTP`.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cpv_hooks.remote.s3_client.http1_reply import LINE, NotHTTP, Reply

if TYPE_CHECKING:
    import ssl

_TOGETHER = 1 << 16
"""Bytes of a body up to which it is sent in one go with the head."""
_NOTHING_YET = ("BlockingIOError", "SSLWantReadError")


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
        return Reply(self._end, reader, method)

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
            self._socket, self._file = found, found.makefile("rb", buffering=LINE)
        return self._socket, self._file

    def _end(self, is_last: bool) -> None:
        """An answer was read to its end, or given up."""
        self.is_free = True
        if is_last:
            self.close()

    def close(self) -> None:
        """Close it; the next request opens it anew."""
        reader, stream, self._file, self._socket, self.is_free = self._file, self._socket, None, None, True
        with suppress(OSError):
            if reader is not None:
                reader.close()
        if stream is not None:
            stream.close()
