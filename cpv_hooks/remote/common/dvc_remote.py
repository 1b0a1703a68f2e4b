"""Every other remote that DVC knows, through DVC's own file systems: SSH, HTTP, WebDAV, Google, Azure …"""

from __future__ import annotations

import base64
import binascii
import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpv_hooks.console.progress import Progress
from cpv_hooks.console.redact import redact
from cpv_hooks.dvcformat.directory_object import is_dir_oid
from cpv_hooks.dvcformat.remote_url import url_scheme
from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.remote.common.protocol import DVC3_LAYOUT, NO_SIZES, Blob, MissingObject, RemoteError, ignore_blob
from cpv_hooks.remote.common.verified_copy import CHUNK, receive
from cpv_hooks.system.threads import each

if TYPE_CHECKING:
    from cpv_hooks.system.byte_source import ByteSource

THREADS = 8


class DVCRemote:
    """A remote that DVC opens: `name` in the configuration of the DVC root `root`."""

    downloads = 16

    def __init__(self, root: Path, name: str, url: str, *, legacy: bool = False) -> None:
        self.url = redact(url) + (" (legacy)" if legacy else "")
        self._base = redact(url).rstrip("/") + ("" if legacy else f"/{DVC3_LAYOUT}")
        self._root = root
        self._name = name
        self._legacy = legacy

    @cached_property
    def odb(self) -> Any:
        """DVC's object store; raises anything, so it is used within `explained`."""
        from dvc.repo import Repo

        repo = Repo(str(self._root))
        return repo.cloud.get_remote_odb(name=self._name, hash_name="md5-dos2unix" if self._legacy else "md5")

    def address(self, oid: str) -> str:
        return f"{self._base}/{oid[:2]}/{oid[2:]}"

    def missing(self, oids: Collection[str], sizes: Mapping[str, int] = NO_SIZES) -> set[str]:
        absent: set[str] = set()

        def look(oid: str) -> None:
            info = self.info(oid)
            known = None if info is None else info.get("size")
            if info is None or (known is not None and sizes.get(oid) not in (None, known)):
                absent.add(oid)

        with self.explained():
            _ = self.odb
            each(look, list(oids), THREADS)
        return absent

    def info(self, oid: str) -> Mapping[str, Any] | None:
        """What the file system knows of an object; None where it is not there. Raises as `odb` does."""
        try:
            info: Mapping[str, Any] = self.odb.fs.info(self.odb.oid_to_path(oid))
        except FileNotFoundError:
            return None
        return info

    def upload(self, blobs: Sequence[Blob], progress: Progress, done: Callable[[Blob], None] = ignore_blob) -> None:
        """See `Remote`. What the store cannot vouch for is read back."""
        progress.grow(sum(blob.size for blob in blobs))

        def put(blob: Blob) -> None:
            with self.explained():
                self._put(blob)
            progress.advance(blob.size)
            done(blob)

        with self.explained():
            _ = self.odb
        each(put, [blob for blob in blobs if not is_dir_oid(blob.oid)], THREADS)
        each(put, [blob for blob in blobs if is_dir_oid(blob.oid)], THREADS)

    def _put(self, blob: Blob) -> None:
        from dvc_objects.fs.local import localfs

        def fail(_: str, error: BaseException) -> None:
            raise error

        self.odb.add([str(blob.path)], localfs, [blob.oid], check_exists=False, on_error=fail)
        try:
            self._verify(blob)
        except CPVError:
            with suppress(Exception):
                self.odb.fs.remove(self.odb.oid_to_path(blob.oid))
            raise

    def _verify(self, blob: Blob) -> None:
        """Compare with the store's own MD5 where it has one (Google's, Azure's), else read the object back."""
        info = self.info(blob.oid)
        if info is None or info.get("size") not in (None, blob.size):
            raise RemoteError(f"object {blob.oid} did not arrive whole", where=self.url, fix="dvc cpv sync")
        if stored_md5(info) != blob.oid[:32]:
            from tempfile import TemporaryDirectory

            with TemporaryDirectory(prefix="cpv-") as folder:
                self._receive(blob.oid, Path(folder, blob.oid), Progress("verifying"))

    def download(self, oid: str, to: Path, progress: Progress) -> None:
        with self.explained():
            try:
                self._receive(oid, to, progress)
            except FileNotFoundError as error:
                raise MissingObject(f"object {oid} is not on the remote", where=self.url) from error

    def _receive(self, oid: str, to: Path, progress: Progress) -> None:
        with self.odb.fs.open(self.odb.oid_to_path(oid), "rb") as stream:
            size = getattr(stream, "size", None)
            progress.grow(size if isinstance(size, int) else 0)
            receive(_chunks(stream), oid, to, progress, where=self.url, legacy=self._legacy)

    def open_ranges(self, oid: str) -> ByteSource:
        from cpv_hooks.remote.common.object_ranges import ObjectRanges

        with self.explained():
            info = self.info(oid)
        if info is None:
            raise MissingObject(f"object {oid} is not on the remote", where=self.url)
        if not isinstance(info.get("size"), int):
            raise RemoteError("the store does not say how large its objects are", where=self.url, fix="dvc pull")

        def ask(offset: int, length: int) -> bytes:
            with self.explained(), self.odb.fs.open(self.odb.oid_to_path(oid), "rb", cache_type="none") as stream:
                stream.seek(offset)
                data: bytes = stream.read(length)
                return data

        return ObjectRanges(ask, info["size"], self.url, "dvc pull")

    def check(self) -> None:
        with self.explained():
            self.odb.fs.exists(self.odb.oid_to_path("0" * 32))

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Let what a file system of DVC's raises, which may be anything, leave as a `RemoteError`."""
        try:
            with _SILENCE:
                yield
        except CPVError:
            raise
        except ImportError as error:
            # DVC's own words: which package is missing.
            scheme = url_scheme(self.url)
            raise RemoteError(str(error), where=self.url, fix=f"pip install 'dvc[{scheme}]'") from error
        except FileNotFoundError as error:
            # WebDAV makes folders in a folder that is there; DVC names none then.
            raise RemoteError(
                "the folder of the remote's URL is not there",
                where=self.url,
                fix=f"make it on the server (for WebDAV: curl -X MKCOL), or dvc remote modify {shell_word(self._name)} "
                "url URL, then dvc cpv sync",
            ) from error
        except Exception as error:
            text = (str(error).strip().splitlines() or [""])[0]
            what = redact(f"{type(error).__name__}: {text}" if text else type(error).__name__)
            fix = f"dvc push -r {shell_word(self._name)} -v says more, then dvc cpv sync"
            raise RemoteError(what, where=self.url, fix=fix) from error


class _Silence:
    """While anybody is inside, DVC logs nothing: it would mix with ours, and what fails is raised. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before: dict[str, int] = {}

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._before = {name: logging.getLogger(name).level for name in ("dvc", "dvc_data")}
                for name in self._before:
                    logging.getLogger(name).setLevel(logging.CRITICAL)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            for name, level in self._before.items() if not self._inside else ():
                logging.getLogger(name).setLevel(level)


_SILENCE = _Silence()


def _chunks(stream: Any) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


def stored_md5(info: Mapping[str, Any]) -> str | None:
    """The MD5, in hex, that the store itself computed."""
    content = info.get("content_settings")
    found = info.get("md5Hash") or (content.get("content_md5") if isinstance(content, Mapping) else None)
    if isinstance(found, bytes | bytearray):
        return found.hex()
    if not isinstance(found, str):
        return None
    try:
        return base64.b64decode(found, validate=True).hex()
    except binascii.Error:
        return None
