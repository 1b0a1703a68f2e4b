"""A TCP proxy in front of the S3 server that breaks connections, by a seed."""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

FAULTS = ("drop", "reset", "delay", "truncate", "die", "500", "503", "403")
_ANSWERS = {
    "500": ("500 Internal Server Error", "InternalError"),
    "503": ("503 Slow Down", "SlowDown"),
    "403": ("403 Forbidden", "AccessDenied"),
}
_DELAY = 0.2


@dataclass
class Proxy:
    """Where to connect instead of the server. `rate` is the share of connections that get a fault; `received` counts
    the bytes that the server sent."""

    target: tuple[str, int]
    seed: int
    rate: float = 0.4
    faults: tuple[str, ...] = FAULTS
    done: Counter[str] = field(default_factory=Counter)
    received: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.endpoint_url = f"http://localhost:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _fault(self) -> tuple[str, int]:
        """What happens to a connection, and after how many bytes."""
        with self._lock:
            if self._random.random() >= self.rate:
                return "pass", 0
            kind = self._random.choice(self.faults)
            self.done[kind] += 1
            return kind, self._random.choice([0, 1, 100, 1000, 70_000, 1_000_000])

    def _serve(self, client: socket.socket) -> None:
        kind, after = self._fault()
        with suppress(OSError), client:
            if kind == "drop":
                return
            if kind == "reset":
                _reset(client)
                return
            if kind in _ANSWERS:
                _answer(client, *_ANSWERS[kind])
                return
            if kind == "delay":
                threading.Event().wait(_DELAY)
            with socket.create_connection(self.target) as server:
                back = threading.Thread(
                    target=_pump, args=(server, client, after if kind == "truncate" else None, self._count), daemon=True
                )
                back.start()
                _pump(client, server, after if kind == "die" else None)
                back.join(60)

    def _count(self, size: int) -> None:
        with self._lock:
            self.received += size


def _pump(
    source: socket.socket, sink: socket.socket, limit: int | None, count: Callable[[int], None] = lambda size: None
) -> None:
    """Pass bytes on until the end, or until `limit` of them went; then both ends are cut."""
    sent = 0
    with suppress(OSError):
        while data := source.recv(65536):
            count(len(data))
            if limit is not None and sent + len(data) > limit:
                sink.sendall(data[: limit - sent])
                _reset(source)
                break
            sink.sendall(data)
            sent += len(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _answer(client: socket.socket, status: str, code: str) -> None:
    client.settimeout(5)
    with suppress(OSError):
        client.recv(65536)
    body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>injected</Message></Error>'
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    client.sendall(f"{head}\r\n{body}".encode())


@contextmanager
def proxied(endpoint_url: str, seed: int, **options: object) -> Iterator[Proxy]:
    """A proxy to a server's address for the length of a block."""
    parts = urlsplit(endpoint_url)
    proxy = Proxy((parts.hostname or "localhost", parts.port or 80), seed, **options)  # type: ignore[arg-type]
    try:
        yield proxy
    finally:
        proxy.close()
