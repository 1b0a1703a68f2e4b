"""One object from S3: a large one in ranges side by side, going on where an earlier run stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpv_hooks.console.progress import Progress
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.remote.common.protocol import CorruptObject, RemoteError
from cpv_hooks.remote.common.resumable_download import Partial, begun
from cpv_hooks.remote.common.verified_copy import corrupt, receive
from cpv_hooks.remote.s3_client.answers import not_s3, starts_at
from cpv_hooks.system.threads import in_order

if TYPE_CHECKING:
    from cpv_hooks.remote.s3_client.s3_options import S3Options

CHUNK = 1 << 20
RESUMES = 3
LARGE = 32 << 20
RANGE = 8 << 20
RANGES = 4
"""Ranges of one object that are in memory at a time."""
_PLAIN = ("", "identity", "aws-chunked")


class Opened(NamedTuple):
    """What the server sends of an object: `total` is its bytes, where it says; `tag` is empty where it says none.

    `doubt` says why wrong bytes would not be the object's, but of something on the way.
    """

    body: Any
    total: int | None
    tag: str
    doubt: str | None


Open = Callable[[dict[str, Any]], Opened]
"""Asks for the object on conditions."""


def opened(options: S3Options, answer: Mapping[str, Any], span: str | None) -> Opened:
    """What boto3 was given; `span` is the range that was asked for."""
    if span and not starts_at(answer.get("ContentRange"), span):
        raise not_s3(options, "sends other bytes than the range that was asked for")
    tag, length = answer.get("ETag", ""), answer.get("ContentLength")
    headers = {"content-encoding": answer.get("ContentEncoding", "")}
    return Opened(answer["Body"], length, tag, doubt_of(tag, headers, length))


def doubt_of(tag: str, headers: Mapping[str, str], length: int | None) -> str | None:
    """Why it may not be S3 that sends an object."""
    coding = headers.get("content-encoding", "")
    if coding.lower() not in _PLAIN:
        return f"sends it with the content coding {coding[:40]}, which nobody asked for"
    if not tag:
        return "sends it without an ETag"
    return "sends it without a length, so that it may have been cut" if length is None else None


class RangeResponse(NamedTuple):
    """An object whose first byte is about to be read.

    `where` is its remote, for people.
    """

    oid: str
    open: Open
    body: Any
    total: int | None
    tag: str
    doubt: str | None
    where: str
    legacy: bool

    def close(self) -> None:
        """Give up the body: ranges come through connections of their own."""
        self.body.close()

    def stream(self, to: Path, progress: Progress) -> None:
        """Bring it through one connection, taken up again where it breaks."""
        try:
            receive(self._chunks(), self.oid, to, progress, where=self.where, legacy=self.legacy)
        except CorruptObject as error:
            raise self._wrong() from error

    def _wrong(self) -> RemoteError:
        if self.doubt is None:
            return corrupt(self.oid, self.where)
        what = f"the bytes of object {self.oid} are not those that its name promises, and the server {self.doubt}"
        return RemoteError(what, where=self.where, fix="look for a proxy on the way to it, then dvc cpv sync")

    def _chunks(self) -> Iterator[bytes]:
        body, received, resumes = self.body, 0, 0
        while True:
            try:
                while chunk := body.read(CHUNK):
                    yield chunk
                    received += len(chunk)
                return
            except broken():
                resumes += 1
                if resumes > RESUMES or not self.tag:
                    raise
            if received == self.total:
                return
            body = self.open({"Range": f"bytes={received}-", "IfMatch": self.tag}).body

    def assemble(self, to: Path, progress: Progress, *, keep: bool) -> None:
        """Bring it in ranges; with `keep`, what came stays beside `to` where the rest does not come."""
        mark = f"{self.oid}.{hashlib.sha256(self.tag.encode()).hexdigest()[:16]}"
        with begun(to, mark if keep else None) as partial:
            here = partial.take_up(self.total or 0)
            progress.advance(here)
            self._fill(partial, progress)
            if here and not partial.has_hash(self.oid, legacy=self.legacy):
                # What was here may be what is wrong.
                partial.discard()
                progress.advance(-(self.total or 0))
                self._fill(partial, progress)
            if not partial.has_hash(self.oid, legacy=self.legacy):
                partial.discard()
                raise self._wrong()
            partial.install(to)

    def _fill(self, partial: Partial, progress: Progress) -> None:
        for data in in_order(self._range, range(partial.size, self.total or 0, RANGE), RANGES):
            partial.append(data)
            progress.advance(len(data))

    def _range(self, start: int) -> bytes:
        return persistently(lambda: self._read(start, min(start + RANGE, self.total or 0)))

    def _read(self, start: int, stop: int) -> bytes:
        body = self.open({"Range": f"bytes={start}-{stop - 1}", "IfMatch": self.tag}).body
        data: bytes = body.read(stop - start)
        if len(data) != stop - start:
            what = f"the server sent {len(data)} bytes of {self.oid} instead of {stop - start}"
            raise RemoteError(what, where=self.where, fix="dvc cpv sync")
        return data


def persistently(ask: Callable[[], bytes]) -> bytes:
    """What is asked for, and again where the connection breaks."""
    for _ in range(RESUMES):
        try:
            return ask()
        except broken():  # asked for here: it imports botocore
            continue
    return ask()


def read_some(body: Any, length: int) -> bytes:
    """The first bytes of a body, which is closed then."""
    with closing(body):
        data: bytes = body.read(length)
        return data


def broken() -> tuple[type[Exception], ...]:
    """What a connection that breaks raises."""
    from botocore.exceptions import HTTPClientError, IncompleteReadError, ResponseStreamingError

    return OSError, HTTPClientError, IncompleteReadError, ResponseStreamingError
