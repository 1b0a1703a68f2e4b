"""The part of GitHub's and Bitbucket's REST API that lists, writes and replaces comments of a pull request."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Comments(ThreadingHTTPServer):
    """`bodies` are the comments as they were sent, by their number; `seen` the requests with their authorization."""

    daemon_threads = True

    @classmethod
    @contextmanager
    def serving(cls, *, status: int = 0) -> Iterator[Comments]:
        """A server on a free port of this machine, which answers `status` alone where it is given."""
        with cls(status) as server:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            yield server
            server.shutdown()

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = status
        self.bodies: dict[int, Any] = {1: {"body": "a person's", "content": {"raw": "a person's"}}}
        self.seen: list[tuple[str, str, str]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Comments

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server = self.server
        server.seen.append((self.command, self.path, self.headers.get("Authorization", "")))
        found: Any = {}
        if not server.status and self.command == "GET":
            rows = [{"id": number, **body} for number, body in server.bodies.items()]
            found = rows if "/issues/" in self.path else {"values": rows}
        elif not server.status:
            last = self.path.rpartition("/")[2]
            server.bodies[int(last) if last.isdecimal() else max(server.bodies) + 1] = json.loads(data)
        body = json.dumps(found).encode()
        self.send_response(server.status or 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_PUT = _answer
