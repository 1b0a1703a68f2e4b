"""A way to a server that is closed at first: who connects waits until it is opened."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from support.faulty import Proxy


class Gate(Proxy):
    """Passes everything on once it is open."""

    def __post_init__(self) -> None:
        self._open = threading.Event()
        self.knocked = threading.Event()
        super().__post_init__()

    def open(self) -> None:
        self._open.set()

    def _serve(self, client: socket.socket) -> None:
        self.knocked.set()
        self._open.wait()
        super()._serve(client)


@contextmanager
def gated(endpoint_url: str) -> Iterator[Gate]:
    """A gate before a server's address for the length of a block."""
    parts = urlsplit(endpoint_url)
    gate = Gate((parts.hostname or "localhost", parts.port or 80), seed=0, rate=0)
    try:
        yield gate
    finally:
        gate.open()
        gate.close()
