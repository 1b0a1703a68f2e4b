"""One object from S3: a large one in ranges side by side, going on where an earlier run stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpv_hooks.console.progress import Progress
from cpv_hooks.remote.common.protocol import RemoteError
from cpv_hooks.remote.common.resumable_download import Partial, begun
from cpv_hooks.remote.common.verified_copy import corrupt, receive
from cpv_hooks.system.threads import in_order

CHUNK = 1 << 20
RESUMES = 3
LARGE = 32 << 20
RANGE = 8 << 20
RANGES = 4
"""Ranges of one object that are in memory at a time."""
Open = Callable[[dict[str, Any]], tuple[Any, int, str]]
"""Asks for the object on conditions; returns its body, its bytes, and the tag."""


@dataclass(frozen=True)
class Answer:
    """An object whose first byte is about to be read.

    `where` is its remote, for people.
    """

    oid: str
    open: Open
    body: Any
    total: int
    tag: str
    where: str
    legacy: bool

    def close(self) -> None:
        """Give up the body: ranges come through connections of their own."""
        self.body.close()

    def stream(self, to: Path, progress: Progress) -> None:
        """Bring it through one connection, taken up again where it breaks."""
        receive(self._chunks(), self.oid, to, progress, where=self.where, legacy=self.legacy)

    def _chunks(self) -> Iterator[bytes]:
        body, received, resumes = self.body, 0, 0
        while True:
            try:
                while chunk := body.read(CHUNK):
                    yield chunk
                    received += len(chunk)
                return
            except _broken():
                resumes += 1
                if resumes > RESUMES:
                    raise
            if received == self.total:
                return
            body, _, _ = self.open({"Range": f"bytes={received}-", "IfMatch": self.tag})

    def assemble(self, to: Path, progress: Progress, *, keep: bool) -> None:
        """Bring it in ranges; with `keep`, what came stays beside `to` where the rest does not come."""
        mark = f"{self.oid}.{hashlib.sha256(self.tag.encode()).hexdigest()[:16]}"
        with begun(to, mark if keep else None) as partial:
            here = partial.take_up(self.total)
            progress.advance(here)
            self._fill(partial, progress)
            if here and not partial.has_hash(self.oid, legacy=self.legacy):
                # What was here may be what is wrong.
                partial.discard()
                progress.advance(-self.total)
                self._fill(partial, progress)
            if not partial.has_hash(self.oid, legacy=self.legacy):
                partial.discard()
                raise corrupt(self.oid, self.where)
            partial.install(to)

    def _fill(self, partial: Partial, progress: Progress) -> None:
        for data in in_order(self._range, range(partial.size, self.total, RANGE), RANGES):
            partial.append(data)
            progress.advance(len(data))

    def _range(self, start: int) -> bytes:
        stop = min(start + RANGE, self.total)
        resumes = 0
        while True:
            try:
                return self._read(start, stop)
            except _broken():
                resumes += 1
                if resumes > RESUMES:
                    raise

    def _read(self, start: int, stop: int) -> bytes:
        body, _, _ = self.open({"Range": f"bytes={start}-{stop - 1}", "IfMatch": self.tag})
        data: bytes = body.read(stop - start)
        if len(data) != stop - start:
            what = f"the server sent {len(data)} bytes of {self.oid} instead of {stop - start}"
            raise RemoteError(what, where=self.where, fix="dvc cpv sync")
        return data


def _broken() -> tuple[type[Exception], ...]:
    """What a connection that breaks raises."""
    from botocore.exceptions import HTTPClientError, IncompleteReadError, ResponseStreamingError

    return OSError, HTTPClientError, IncompleteReadError, ResponseStreamingError
