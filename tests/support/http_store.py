"""A real HTTP server that stores what is put, for the remotes that only DVC speaks to."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Files(ThreadingHTTPServer):
    """Keeps what is put; `spoil` changes each body on its way in, with `ranges` parts are sent where asked for, and one
    that is `read_only` takes nothing."""

    daemon_threads = True

    @classmethod
    @contextmanager
    def serving(cls) -> Iterator[Files]:
        """A server on a free port of this machine."""
        with cls() as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield server
            server.shutdown()

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.spoil = False
        self.ranges = False
        self.read_only = False
        self.url = f"http://127.0.0.1:{self.server_port}/storage"

    def put(self, oid: str, data: bytes) -> None:
        self.files[f"/storage/files/md5/{oid[:2]}/{oid[2:]}"] = data

    def oids(self) -> set[str]:
        return {path.removeprefix("/storage/files/md5/").replace("/", "") for path in self.files}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Files

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_POST(self) -> None:
        data = self._body()
        if self.server.read_only:
            self._end(403, b"")
            return
        self.server.files[self.path] = data[:-1] + b"?" if self.server.spoil else data
        self._end(200, b"")

    do_PUT = do_POST

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers["Content-Length"]))
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def _answer(self, *, body: bool) -> None:
        data = self.server.files.get(self.path)
        if data is None:
            self._end(404, b"")
        elif (span := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))) and self.server.ranges:
            self._end(206, data[int(span[1]) : int(span[2]) + 1], body=body)
        else:
            self._end(200, data, body=body)

    def _end(self, status: int, data: bytes, *, body: bool = True) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        if self.server.ranges:
            self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass
