"""Which objects are on S3, with their sizes, in as few requests as it takes.

Object ids are spread evenly, so the last key of the first page of a listing tells how many objects there are. From
that follows what is cheaper: asking for each object, or listing in parallel.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from cpv_hooks.dvcformat.directory_object import is_oid
from cpv_hooks.remote.s3_client.pages import page_of
from cpv_hooks.system.threads import each

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from cpv_hooks.remote.s3_client.s3_options import S3Options

FEW = 32
THREADS = 64
PAGE = 1000
LIST_COST = 5
"""What a page of a listing costs, in requests for single objects."""
_MANY = 64 * PAGE
Pages = Callable[[str, str | None], Mapping[str, Any]]
"""A page of the keys that begin with a prefix, after a token: what boto3's `list_objects_v2` returns."""


def pages_of(client: S3Client, options: S3Options) -> Pages:
    """The pages of a bucket, through boto3."""

    def ask(prefix: str, token: str | None) -> Mapping[str, Any]:
        return page_of(client, options, prefix, token, PAGE)

    return ask


class ObjectListing:
    """A look at the objects below `base`. `size_of` asks for a single one."""

    def __init__(self, pages: Pages, base: str, size_of: Callable[[str], int | None]) -> None:
        self._pages = pages
        self._base = f"{base}/" if base else ""
        self._size_of = size_of
        self._found: dict[str, int] = {}
        self._lock = threading.Lock()

    def sizes(self, oids: list[str]) -> dict[str, int]:
        """Object id -> size in bytes, of those that are there (and of others that the listing met)."""
        if len(oids) <= FEW:
            self._ask(oids)
            return self._found
        try:
            total = self._first_page()
        except Exception as error:
            from cpv_hooks.remote.s3_client.answers import code_of

            if code_of(error) != "AccessDenied":
                raise
            self._ask(oids)
            return self._found
        if total is not None:
            self._look_for([oid for oid in oids if oid not in self._found], total)
        return self._found

    def _look_for(self, oids: list[str], total: int) -> None:
        digits = 1 if total < _MANY else 2
        prefixes = sorted({oid[:digits] for oid in oids})
        pages = len(prefixes) * max(1.0, total / 16**digits / PAGE)
        if len(oids) <= pages * LIST_COST:
            self._ask(oids)
        else:
            each(self._list, prefixes, THREADS)

    def _ask(self, oids: list[str]) -> None:
        def ask(oid: str) -> None:
            size = self._size_of(oid)
            if size is not None:
                with self._lock:
                    self._found[oid] = size

        each(ask, oids, min(THREADS, len(oids)))

    def _first_page(self) -> int | None:
        """Read one page; returns about how many objects there are, or None where that was all of them."""
        page = self._pages(self._base, None)
        last = self._take(page)
        if not page.get("IsTruncated"):
            return None
        share = (int(last[:6], 16) + 1) / 16**6 if last else 1e-6
        return int(PAGE / share)

    def _list(self, prefix: str) -> None:
        # Keys are `ab/cdef…`: two digits are a whole folder, one is the beginning of its name.
        start = f"{self._base}{prefix}" + ("/" if len(prefix) == 2 else "")
        token = None
        while True:
            page = self._pages(start, token)
            self._take(page)
            token = page.get("NextContinuationToken")
            if not page.get("IsTruncated") or not token:
                return

    def _take(self, page: Mapping[str, Any]) -> str:
        """Note the objects on a page; returns the last one's id."""
        found: dict[str, int] = {}
        for item in page.get("Contents", []):
            oid = item["Key"].removeprefix(self._base).replace("/", "", 1)
            if is_oid(oid):
                found[oid] = item["Size"]
        with self._lock:
            self._found.update(found)
        return max(found, default="")
