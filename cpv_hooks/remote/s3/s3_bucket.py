"""How the bucket of a remote is asked: over the `Wire`, which knows from boto3 how requests are made.

What does not succeed there is left to boto3.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpv_hooks.remote.common.protocol import DVC3_LAYOUT, MissingObject
from cpv_hooks.remote.s3.resumable_uploads import Unfinished
from cpv_hooks.remote.s3.s3_download import Opened, doubt_of, opened
from cpv_hooks.remote.s3.s3_listing import PAGE, pages_of
from cpv_hooks.remote.s3_client.answers import NOT_THERE, Head, code_of, head_of, not_s3
from cpv_hooks.remote.s3_client.connect import as_remote_error, ask_one_key, connect, has_proxy
from cpv_hooks.remote.s3_client.learn import learn, turned_off
from cpv_hooks.remote.s3_client.recall import Memory
from cpv_hooks.remote.s3_client.request_signing import STAND_IN, Way
from cpv_hooks.remote.s3_client.s3_options import S3Options
from cpv_hooks.remote.s3_client.wire import Wire

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LARGE_DOWNLOADS = 2
"""Large objects that come at a time, each in ranges side by side."""


class S3Bucket:
    """The objects below `s3://bucket/prefix`: whether they are there, their sizes and their bytes."""

    def __init__(
        self,
        url: str,
        options: Mapping[str, str],
        *,
        name: str = "remote",
        legacy: bool = False,
        command: str | None = None,
        unfinished: Path | None = None,
        partials: Path | None = None,
        memory: Path | None = None,
        own_client: bool = True,
    ) -> None:
        self.unfinished = Unfinished(unfinished)
        self.partials = partials
        self.options = S3Options.of(name, url, options, command=command)
        self._legacy = legacy
        self._own_client = own_client
        self._base = "/".join(filter(None, [self.options.prefix, "" if legacy else DVC3_LAYOUT]))
        self.url = f"s3://{self.options.bucket}/{self._base}" + self._endpoint_mark()
        self._connected: S3Client | None = None
        self._connecting = threading.Lock()
        self._memory = Memory(None if legacy else memory, self.options, self._base)
        self._wire = Wire(self._way, self._memory.forget, self.options.timeouts)
        self._large = threading.Semaphore(LARGE_DOWNLOADS)
        self._takes_parts = True

    def _endpoint_mark(self) -> str:
        # Two servers may have a bucket of the same name; the record must not mix them up.
        endpoint = self.options.get("endpointurl")
        return f" at {endpoint}" if endpoint else ""

    def key(self, oid: str) -> str:
        return "/".join(filter(None, [self._base, oid[:2], oid[2:]]))

    def address(self, oid: str) -> str:
        return f"s3://{self.options.bucket}/{self.key(oid)}"

    def check(self) -> None:
        with as_remote_error(self.options):
            ask_one_key(self._client(), self.options, self._base)

    def _client(self) -> S3Client:
        """The client; made, and the way to the bucket tried, when it is first needed."""
        with self._connecting:
            if self._connected is None:
                client = connect(self.options)
                ask_one_key(client, self.options, self._base, strict=False)
                self._connected = client
            return self._connected

    def _way(self) -> Way | None:
        """How the wire asks: as an earlier process did, if that still leads there, or as boto3 does now."""
        if not self._own_client or turned_off():
            return None
        known = None if self._connected else self._memory.recall()
        # Of an empty remote it is boto3 that can say what is wrong, if anything is.
        if known is not None and self._wire.holds_some(known, self._base):
            return known
        client = self._client()
        way = None if has_proxy() else learn(client, self._object(STAND_IN), self.options.storage())
        if way is not None:
            session: Any = client
            self._memory.keep(way, session._request_signer._credentials)
        return way

    def client_state(self) -> str:
        """Whether CPV's own client asks, and why not; nobody is asked."""
        if why := turned_off():
            return f"boto3 alone: {why}"
        if not self._own_client:
            return "boto3, because [remote] s3_client in .cpv.toml says so"
        if has_proxy():
            return "boto3, because a proxy is set"
        if self._memory.holds():
            return "CPV's own: it has learned from boto3 how to ask"
        return "CPV's own, which asks boto3 again in each process"

    def _page(self, prefix: str, token: str | None) -> Mapping[str, Any]:
        quick = self._wire.page(prefix, token, PAGE)
        return quick if quick is not None else pages_of(self._client(), self.options)(prefix, token)

    def _size(self, oid: str) -> int | None:
        """The size in bytes of an object on the server, or None where it is not there."""
        head = self._head_of(oid)
        if head is not None and not head.tag:
            raise not_s3(self.options, "says that an object is there, but not its ETag")
        return head.size if head else None

    def _head_of(self, oid: str) -> Head | None:
        """What the server says of an object, or None where it is not there. Some leave out the size."""
        quick = self._wire.head(oid)
        if quick is not None:
            return Head(quick.length, quick.tag.strip('"'), quick.is_encrypted) if quick.is_there else None
        head = head_of(self._client(), self._object(oid))
        return head._replace(size=self._listed(oid)) if head and head.size is None else head

    def _listed(self, oid: str) -> int:
        key = self.key(oid)
        page = pages_of(self._client(), self.options)(key, None)
        sizes = [item["Size"] for item in page.get("Contents", []) if item["Key"] == key]
        if not sizes:
            raise not_s3(self.options, "says that an object is there, but not how long it is")
        return int(sizes[0])

    def _object(self, oid: str) -> dict[str, Any]:
        return {"Bucket": self.options.bucket, "Key": self.key(oid), **self.options.customer_key()}

    def _measured(self, oid: str) -> tuple[int | None, str]:
        """The size in bytes of an object (None where it is not there), and its tag where it may become another."""
        head = self._head_of(oid)
        return (head.size, head.tag) if head else (None, "")

    def _open(self, oid: str, condition: dict[str, Any]) -> Opened:
        span = condition.get("Range")
        tag = condition.get("IfMatch")
        quick = (self._wire.get_range(oid, span, tag) if tag else None) if span else self._wire.get(oid)
        if quick is not None:
            return Opened(quick.body, quick.length, quick.tag, doubt_of(quick.tag, quick.headers, quick.length))
        try:
            answer = self._client().get_object(**self._object(oid), **condition)
        except Exception as error:
            if code_of(error) in NOT_THERE:
                raise MissingObject(f"object {oid} is not on the remote", where=self.url) from error
            raise
        return opened(self.options, answer, span)
