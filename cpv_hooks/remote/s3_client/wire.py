"""Requests to S3 without boto3's cost for each, and mostly without starting boto3 at all.

They are boto3's own requests, learned from it once (`s3_learn`) and sent again for other objects: only the key, the
checksum, the date and the signature change. A request takes a tenth of boto3's processor time. What does not answer
with success is left to boto3, which tries again and knows what is wrong: every method here returns None for that.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from cpv_hooks.remote.s3_client.answers import (
    BEGUN,
    COMPLETED,
    contents_of,
    fault_of,
    name_of,
    root_of,
    starts_at,
)
from cpv_hooks.remote.s3_client.exchanges import FOUND, MISSING, OK, Answer, Exchanges, S3Request
from cpv_hooks.remote.s3_client.request_signing import Way

_FRESH_SECONDS = 300.0
"""How long a way holds: boto3 renews credentials that expire ten minutes before they do."""
_PARTLY = 206
_NO_HEADERS: Mapping[str, str] = {}


class Wire:
    """Requests for the objects of one remote.

    `way` finds out how they are asked for, or that it can only be left to boto3; `refused` is called when the server
    does not take a request of that kind; `seconds` are those to be connected and those for bytes to come. Threads may
    share a wire; each has a connection of its own.
    """

    def __init__(self, way: Callable[[], Way | None], refused: Callable[[], None], seconds: tuple[int, int]) -> None:
        self._find = way
        self._refused = refused
        self._exchanges = Exchanges(seconds, self._distrust)
        self._lock = threading.RLock()  # who is looking for the way asks here too
        self._way: Way | None = None
        self._found_at = 0.0
        self._is_off = False

    def put(self, oid: str, data: bytes | bytearray, md5: bytes) -> Answer | None:
        """Store an object, whose MD5 the server is asked to check; the tag in its answer says what it has."""
        return self._believed(self._object("PUT", oid, data, _checked(md5), storing=True), "etag")

    def head(self, oid: str) -> Answer | None:
        """Ask whether an object is there, and for its size."""
        answer = self._object("HEAD", oid, expected=(FOUND, MISSING))
        return answer if answer is None or not answer.is_there else self._believed(answer, "etag", "content-length")

    def get(self, oid: str) -> Answer | None:
        """Begin to read an object."""
        return self._object("GET", oid, is_whole=False)

    def get_range(self, oid: str, span: str, tag: str) -> Answer | None:
        """Begin to read a part of an object, `bytes=0-9`, if its tag is still the same."""
        headers = {"range": span, "if-match": tag}
        answer = self._object("GET", oid, headers=headers, expected=(_PARTLY,), is_whole=False)
        if answer is None or starts_at(answer.headers.get("content-range"), span):
            return answer
        if answer.body is not None:
            answer.body.close()
        return self._believed(answer, "the range that was asked for")

    def begin(self, oid: str) -> str | None:
        """Begin an upload in parts; returns its id."""
        answer = self._object("POST", oid, query="uploads=", storing=True)
        return self._text(answer, BEGUN, "UploadId")

    def put_part(self, oid: str, upload: str, number: int, data: bytes | bytearray, md5: bytes) -> str | None:
        """Store a part, whose MD5 the server checks; returns its tag."""
        query = f"partNumber={number}&uploadId={quote(upload, safe='')}"
        answer = self._object("PUT", oid, data, _checked(md5), query=query)
        known = self._believed(answer, "etag")
        return known.tag if known else None

    def complete(self, oid: str, upload: str, tags: Mapping[int, str]) -> bool | None:
        """Make an object of its parts."""
        parts = "".join(
            f'<Part><PartNumber>{number}</PartNumber><ETag>"{tag}"</ETag></Part>'
            for number, tag in sorted(tags.items())
        )
        space = "http://s3.amazonaws.com/doc/2006-03-01/"
        body = f'<CompleteMultipartUpload xmlns="{space}">{parts}</CompleteMultipartUpload>'.encode()
        answer = self._object("POST", oid, body, query=f"uploadId={quote(upload, safe='')}")
        # Its success may be an error, said after the headers were sent
        # (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html).
        return True if self._text(answer, COMPLETED, "ETag") else None

    def page(self, prefix: str, token: str | None, most: int) -> dict[str, Any] | None:
        """A page of at most so many keys that begin with a prefix: keys and sizes in boto3's words."""
        way = self._current()
        return self._page(way, prefix, token, most) if way else None

    def holds_some(self, way: Way, prefix: str) -> bool:
        """Whether a way leads to where there are keys that begin with a prefix."""
        page = self._page(way, prefix, None, 1)
        return bool(page and page["Contents"])

    def _page(self, way: Way, prefix: str, token: str | None, most: int) -> dict[str, Any] | None:
        terms = {"list-type": "2", "max-keys": str(most), "prefix": prefix}
        if token:
            terms["continuation-token"] = token
        query = "&".join(f"{name}={quote(terms[name], safe='-_.~')}" for name in sorted(terms))
        path, headers = way.read.bucket_path, way.read.bucket_headers
        answer = self._exchanges.ask(way, S3Request(way.read, "GET", path, query, headers, says_all=False))
        if answer is None:
            return None
        found = contents_of(answer.data)
        if found is None or fault_of(found, prefix, token):
            self._distrust()
            return None
        return found

    def _believed(self, answer: Answer | None, *headers: str) -> Answer | None:
        """An answer that has these headers, as all of S3's have."""
        if answer is None or all(answer.headers.get(name) for name in headers):
            return answer
        self._distrust()
        return None

    def _text(self, answer: Answer | None, root: str, name: str) -> str | None:
        """The text of an element below the root of an answer's document, if that is what it should be."""
        if answer is None:
            return None
        found = root_of(answer.data)
        text = found.findtext(f"{{*}}{name}") if found is not None and name_of(found) == root else None
        if not text:
            self._distrust()
        return text or None

    def _distrust(self) -> None:
        """Leave all to boto3, and let what was learned of it be forgotten."""
        self._is_off = True
        self._refused()

    def _object(
        self,
        method: str,
        oid: str,
        body: bytes | bytearray = b"",
        headers: Mapping[str, str] = _NO_HEADERS,
        *,
        query: str = "",
        storing: bool = False,
        expected: tuple[int, ...] = OK,
        is_whole: bool = True,
    ) -> Answer | None:
        way = self._current()
        if way is None:
            return None
        pattern = way.store if storing else way.read
        whole, says_all = {**pattern.headers, **headers}, method in ("PUT", "GET")
        path = pattern.path(oid)
        return self._exchanges.ask(
            way, S3Request(pattern, method, path, query, whole, body, expected, is_whole, says_all)
        )

    def _current(self) -> Way | None:
        with self._lock:
            if self._is_off:
                return None
            if self._way is None or time.monotonic() - self._found_at > _FRESH_SECONDS:
                self._way, self._found_at = self._find(), time.monotonic()
                self._is_off = self._way is None
            return self._way


def _checked(md5: bytes) -> dict[str, str]:
    return {"content-md5": base64.b64encode(md5).decode()}
