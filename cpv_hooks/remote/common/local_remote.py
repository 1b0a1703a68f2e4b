"""A remote that is a directory: a disk, a network mount."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cpv_hooks.console.progress import Progress
from cpv_hooks.disk_causes import dead_link, leads_nowhere
from cpv_hooks.dvcformat.directory_object import is_dir_oid
from cpv_hooks.errors import CPVError, disk_error, shell_path
from cpv_hooks.remote.common.inventory import (
    FOLDER,
    Leftover,
    Seen,
    entries_of,
    in_safe_order,
    object_files,
    temporary_files,
)
from cpv_hooks.remote.common.notes import NOTES, old_files
from cpv_hooks.remote.common.protocol import (
    DVC3_LAYOUT,
    NO_SIZES,
    Blob,
    MissingObject,
    RemoteError,
    ignore_blob,
)
from cpv_hooks.remote.common.verified_copy import read_chunks, receive, store_object
from cpv_hooks.system.threads import each

if TYPE_CHECKING:
    from cpv_hooks.system.byte_source import ByteSource

THREADS = 4


class _faults:
    """Raises an `OSError` of the block as a `RemoteError`, or as `MissingObject` where that object is not there."""

    def __init__(self, folder: Path, oid: str | None = None) -> None:
        self._folder = folder
        self._oid = oid

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if self._oid and isinstance(error, FileNotFoundError | NotADirectoryError):
            raise MissingObject(f"object {self._oid} is not on the remote", where=str(self._folder)) from error
        if isinstance(error, OSError):
            plain = disk_error(error, self._folder)
            raise RemoteError(plain.what, where=f"remote {plain.where}", fix=plain.fix) from error


class LocalRemote:
    """A directory with DVC's layout below `folder`; files are read-only there, as DVC leaves them."""

    downloads = 16  # it may be a disk behind a network

    def __init__(self, folder: Path, *, legacy: bool = False) -> None:
        self.top = folder
        self.folder = folder if legacy else folder / DVC3_LAYOUT
        self.url = str(self.folder)
        self._legacy = legacy

    def path(self, oid: str) -> Path:
        """Where an object lies, whether it is there or not."""
        return self.folder / oid[:2] / oid[2:]

    def address(self, oid: str) -> str:
        return str(self.path(oid))

    def missing(self, oids: Collection[str], sizes: Mapping[str, int] = NO_SIZES) -> set[str]:
        return {oid for oid in oids if not self._is_there(oid, sizes.get(oid))}

    def _is_there(self, oid: str, size: int | None) -> bool:
        with _faults(self.folder):
            try:
                status = os.stat(self.path(oid))
            except (FileNotFoundError, NotADirectoryError):
                return False
        return stat.S_ISREG(status.st_mode) and size in (None, status.st_size)

    def upload(self, blobs: Sequence[Blob], progress: Progress, done: Callable[[Blob], None] = ignore_blob) -> None:
        progress.grow(sum(blob.size for blob in blobs))

        def put(blob: Blob) -> None:
            self._put(blob, progress)
            done(blob)

        each(put, [blob for blob in blobs if not is_dir_oid(blob.oid)], THREADS)
        each(put, [blob for blob in blobs if is_dir_oid(blob.oid)], THREADS)

    def _put(self, blob: Blob, progress: Progress) -> None:
        try:
            with _faults(self.folder):
                chunks = read_chunks(blob.path)
                store_object(chunks, blob.oid, self.path(blob.oid), progress, where=str(blob.path), legacy=self._legacy)
        except RemoteError:
            raise
        except CPVError as error:
            raise RemoteError(error.what, where=f"remote {error.where}", fix=error.fix) from error

    def download(self, oid: str, to: Path, progress: Progress) -> None:
        source = self.path(oid)
        with _faults(self.folder, oid):
            progress.grow(source.stat().st_size)
            receive(read_chunks(source), oid, to, progress, where=str(source), legacy=self._legacy)

    def open_ranges(self, oid: str) -> ByteSource:
        from cpv_hooks.system.byte_source import FileSource

        with _faults(self.folder, oid):
            return FileSource(self.path(oid))

    def check(self) -> None:
        """See `Remote`; the directory may be yet to make."""
        nearest = self.folder
        while not os.path.lexists(nearest):
            nearest = nearest.parent
        if not nearest.is_dir():
            link = dead_link(nearest)
            if link is not None:
                cause = leads_nowhere(link)
                raise RemoteError(cause.what, where=cause.where, fix=cause.command(shell_path))
            what = "there is a file where the remote's directory should be"
            raise RemoteError(what, where=str(nearest), fix=f"mv {shell_path(nearest)} elsewhere")
        if not os.access(nearest, os.R_OK | os.W_OK | os.X_OK):
            what = "no permission for the remote's directory"
            raise RemoteError(what, where=str(nearest), fix=f"chmod u+rwx {shell_path(nearest)}")


class LocalInventory:
    """A remote that is a directory. It computes no checksums."""

    def __init__(self, remote: LocalRemote) -> None:
        self._remote = remote

    def look(self, oids: Collection[str]) -> dict[str, Seen]:
        found = {oid: self._status(oid) for oid in oids}
        return {oid: Seen(status.st_size, None, status.st_mtime) for oid, status in found.items() if status}

    def _status(self, oid: str) -> os.stat_result | None:
        with _faults(self._remote.folder):
            try:
                return self._remote.path(oid).stat()
            except FileNotFoundError:
                return None
            except OSError:
                self._remote.check()  # says best what stands in the way
                raise

    def everything(self) -> dict[str, Seen]:
        with _faults(self._remote.folder):
            return {
                oid: Seen(status.st_size, None, status.st_mtime) for oid, _, status in object_files(self._remote.folder)
            }

    def remove(self, oids: Collection[str]) -> None:
        with _faults(self._remote.folder):
            for oid in in_safe_order(oids):
                self._remote.path(oid).unlink(missing_ok=True)

    def leftovers(self, before: float) -> list[Leftover]:
        with _faults(self._remote.folder):
            folders = [Path(entry.path) for entry in entries_of(self._remote.folder) if FOLDER.fullmatch(entry.name)]
            found = [item for folder in folders for item in temporary_files(folder, before)]
            found += old_files(self._remote.top / NOTES, before) if self._remote.folder != self._remote.top else []
        return [Leftover(str(path), str(path), size) for path, size in found]

    def clean(self, leftovers: Collection[Leftover]) -> None:
        with _faults(self._remote.folder):
            for leftover in leftovers:
                Path(leftover.handle).unlink(missing_ok=True)
