"""A small S3 server in memory that can be made to answer oddly, byte for byte: what no real server can be brought to.

It checks no signature. `odd` says for a kind of request what is sent instead of the answer that S3 would give.
"""

from __future__ import annotations

import hashlib
import re
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from support import canned

_SPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_REASONS = {200: "OK", 204: "No Content", 206: "Partial Content"}


@dataclass(frozen=True)
class Request:
    """What was asked; `kind` is one of the words below."""

    kind: str
    method: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What S3 would answer; as bytes, `sent`."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    is_head: bool = False

    def header(self, name: str, value: str) -> Answer:
        """The same with another header more."""
        return replace(self, headers=(*self.headers, (name, value)))

    def without(self, name: str) -> Answer:
        """The same without a header."""
        return replace(self, headers=tuple(item for item in self.headers if item[0].lower() != name.lower()))

    def raw(self, *headers: str, body: bytes | None = None) -> bytes:
        """The last answer of a connection, with these lines in the place of its length."""
        lines = [f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Other')}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        head = "\r\n".join([*lines, *headers, "Connection: close", "", ""]).encode()
        return head + (self.body if body is None else body)

    def chunked(self) -> bytes:
        """In one chunk, without a length."""
        body = b"" if self.is_head else b"%x\r\n%b\r\n0\r\n\r\n" % (len(self.body), self.body)
        return self.raw("Transfer-Encoding: chunked", body=body if self.body or self.is_head else b"0\r\n\r\n")

    @property
    def sent(self) -> bytes:
        """As it is sent."""
        return self.raw(f"Content-Length: {len(self.body)}", body=b"" if self.is_head else self.body)


Odd = Callable[[Request, Answer], "Answer | bytes"]
"""What is sent instead; bytes end the connection."""


def html(request: Request, answer: Answer) -> Answer:
    """What a captive portal or a proxy says to everything; well-formed."""
    page = b"<html><head><title>Sign in</title></head><body><p>Welcome</p></body></html>"
    return Answer(200, page, (("Content-Type", "text/html"),), is_head=answer.is_head)


def error(status: int, code: str) -> Odd:
    """An error as S3 says it; a HEAD has none of its text."""

    def odd(request: Request, answer: Answer) -> Answer:
        said = canned.error(status, code, "said by the test")
        return Answer(status, said.body, tuple(said.headers.items()), is_head=answer.is_head)

    return odd


@dataclass
class OddS3:
    """Buckets come into being when they are named. `seen` counts requests by their kind."""

    odd: dict[str, Odd] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._open: set[socket.socket] = set()
        self.url = f"http://localhost:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening, and end what is open."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.add(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, ValueError), client, client.makefile("rb") as stream:
            while request := _read(stream):
                if "100-continue" in request.headers.get("expect", ""):
                    client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                length = int(request.headers.get("content-length", "0"))
                request = replace(request, body=stream.read(length))
                with self._lock:
                    self.seen[request.kind] += 1
                    odd = self.odd.get(request.kind) or self.odd.get("*")
                    answer: Answer | bytes = replace(self._answer(request), is_head=request.method == "HEAD")
                    if odd and isinstance(answer, Answer):
                        answer = odd(request, answer)
                client.sendall(answer if isinstance(answer, bytes) else answer.sent)
                if isinstance(answer, bytes):
                    client.shutdown(socket.SHUT_WR)
                    return
        self._open.discard(client)

    def _answer(self, request: Request) -> Answer:
        return getattr(self, f"_{request.kind.lower()}")(request)  # type: ignore[no-any-return]

    # Objects

    def _put(self, request: Request) -> Answer:
        self.store(request.key, request.body)
        return Answer(200, b"", (("ETag", _tag(request.body)),))

    def store(self, key: str, data: bytes) -> None:
        """Let there be an object."""
        self.objects[key], self.tags[key] = data, _tag(data)

    def _head(self, request: Request) -> Answer:
        if request.key not in self.objects:
            return Answer(404)
        data = self.objects[request.key]
        return Answer(200, data, (("ETag", self.tags[request.key]), ("Last-Modified", "Fri, 28 Nov 2025 05:00:00 GMT")))

    def _get(self, request: Request) -> Answer:
        whole = self._head(request)
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        if whole.status == 404:
            return error(404, "NoSuchKey")(request, whole)  # type: ignore[return-value]
        if span is None:
            return whole
        start, stop = int(span[1]), min(int(span[2] or len(whole.body)) + 1, len(whole.body))
        part = replace(whole, status=206, body=whole.body[start:stop])
        return part.header("Content-Range", f"bytes {start}-{stop - 1}/{len(whole.body)}")

    def _delete(self, request: Request) -> Answer:
        self.objects.pop(request.key, None)
        return Answer(204)

    # Uploads in parts

    def _begin(self, request: Request) -> Answer:
        name = f"upload-{len(self.uploads)}"
        self.uploads[name] = {}
        return _xml("InitiateMultipartUploadResult", f"<UploadId>{name}</UploadId>")

    def _part(self, request: Request) -> Answer:
        if request.query["uploadId"] not in self.uploads:
            return error(404, "NoSuchUpload")(request, Answer())  # type: ignore[return-value]
        self.uploads[request.query["uploadId"]][int(request.query["partNumber"])] = request.body
        return Answer(200, b"", (("ETag", _tag(request.body)),))

    def _parts(self, request: Request) -> Answer:
        parts = self.uploads.get(request.query["uploadId"])
        if parts is None:
            return error(404, "NoSuchUpload")(request, Answer())  # type: ignore[return-value]
        when = "<LastModified>2025-11-28T05:00:00.000Z</LastModified>"
        items = "".join(
            f"<Part><PartNumber>{n}</PartNumber>{when}<ETag>{_tag(data)}</ETag><Size>{len(data)}</Size></Part>"
            for n, data in sorted(parts.items())
        )
        return _xml("ListPartsResult", f"{items}<IsTruncated>false</IsTruncated>")

    def _complete(self, request: Request) -> Answer:
        parts = self.uploads.pop(request.query["uploadId"], None)
        if parts is None:
            return error(404, "NoSuchUpload")(request, Answer())  # type: ignore[return-value]
        self.objects[request.key] = b"".join(data for _, data in sorted(parts.items()))
        digests = b"".join(hashlib.md5(data).digest() for _, data in sorted(parts.items()))
        self.tags[request.key] = tag = f'"{hashlib.md5(digests).hexdigest()}-{len(parts)}"'
        return _xml("CompleteMultipartUploadResult", f"<Key>{escape(request.key)}</Key><ETag>{escape(tag)}</ETag>")

    def _abort(self, request: Request) -> Answer:
        self.uploads.pop(request.query["uploadId"], None)
        return Answer(204)

    # The bucket

    def _list(self, request: Request) -> Answer:
        prefix, most = request.query.get("prefix", ""), int(request.query.get("max-keys", "1000"))
        after = request.query.get("continuation-token") or request.query.get("marker", "")
        keys = sorted(key for key in self.objects if key.startswith(prefix) and key > after)
        shown, more = keys[:most], len(keys) > most
        items = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2025-11-28T05:00:00.000Z</LastModified>"
            f"<ETag>{escape(self.tags[key])}</ETag><Size>{len(self.objects[key])}</Size></Contents>"
            for key in shown
        )
        token = f"<NextContinuationToken>{escape(shown[-1])}</NextContinuationToken>" if more else ""
        count = f"<KeyCount>{len(shown)}</KeyCount><IsTruncated>{str(more).lower()}</IsTruncated>"
        return _xml("ListBucketResult", f"<Name>bucket</Name><Prefix>{escape(prefix)}</Prefix>{count}{token}{items}")

    def _bucket(self, request: Request) -> Answer:
        return Answer(200, b"", (("x-amz-bucket-region", "us-east-1"),))

    def _uploads(self, request: Request) -> Answer:
        return _xml("ListMultipartUploadsResult", "<Bucket>bucket</Bucket><IsTruncated>false</IsTruncated>")

    def _versioning(self, request: Request) -> Answer:
        return _xml("VersioningConfiguration", "")

    def _remove(self, request: Request) -> Answer:
        for key in re.findall(r"<Key>([^<]+)</Key>", request.body.decode()):
            self.objects.pop(key, None)
        return _xml("DeleteResult", "")


def _xml(root: str, text: str) -> Answer:
    body = f'<?xml version="1.0" encoding="UTF-8"?><{root} {_SPACE}>{text}</{root}>'
    return Answer(200, body.encode(), (("Content-Type", "application/xml"),))


def _tag(data: bytes) -> str:
    return f'"{hashlib.md5(data).hexdigest()}"'


def _read(stream: object) -> Request | None:
    line = stream.readline().decode("latin-1")  # type: ignore[attr-defined]
    if not line.strip():
        return None
    method, target, _ = line.split(" ", 2)
    headers = {}
    while text := stream.readline().decode("latin-1").strip():  # type: ignore[attr-defined]
        name, _, value = text.partition(":")
        headers[name.lower()] = value.strip()
    url = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
    path = unquote(url.path).removeprefix("/")
    key = path if headers.get("host", "").startswith("bucket.") else path.partition("/")[2]
    return Request(_kind(method, key, query), method, key, query, headers, b"")


def _kind(method: str, key: str, query: Mapping[str, str]) -> str:
    """PUT HEAD GET DELETE of an object; BEGIN PART PARTS COMPLETE ABORT of an upload; LIST BUCKET UPLOADS VERSIONING
    REMOVE of the bucket."""
    if not key:
        named = {"uploads": "UPLOADS", "versioning": "VERSIONING", "delete": "REMOVE"}
        return next((kind for name, kind in named.items() if name in query), "BUCKET" if method == "HEAD" else "LIST")
    if "uploads" in query:
        return "BEGIN"
    if "uploadId" in query:
        return {"PUT": "PART", "GET": "PARTS", "POST": "COMPLETE", "DELETE": "ABORT"}[method]
    return method


@contextmanager
def odd_s3(**odd: Odd) -> Iterator[OddS3]:
    """A server for the length of a block."""
    server = OddS3(dict(odd))
    try:
        yield server
    finally:
        server.close()
