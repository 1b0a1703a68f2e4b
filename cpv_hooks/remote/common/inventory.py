"""What lies on a remote, object by object: for `verify`, which compares it, and `prune`, which removes some of it.

Not every remote can say it: one that cannot list what it has is verified by reading, and is never pruned.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cpv_hooks.dvcformat.directory_object import is_dir_oid, is_oid
from cpv_hooks.errors import disk_error
from cpv_hooks.remote.common.local_remote import LocalRemote
from cpv_hooks.remote.common.protocol import RemoteError
from cpv_hooks.system.signatures import TEMPORARY

if TYPE_CHECKING:
    from cpv_hooks.remote.common.protocol import Remote

_FOLDER = re.compile(r"[0-9a-f]{2}")


@dataclass(frozen=True)
class Seen:
    """An object as its remote shows it.

    `size` is in bytes, `md5` (in hex) what the remote itself computed, `modified` in seconds since the epoch; None
    where the remote does not say.
    """

    size: int | None
    md5: str | None = None
    modified: float | None = None


@dataclass(frozen=True)
class Leftover:
    """What a killed upload left on a remote: its name for people, and the remote's own handle."""

    name: str
    handle: str
    size: int = 0


class Inventory(Protocol):
    """A remote that can say what it has. Every method raises `RemoteError`."""

    def look(self, oids: Collection[str]) -> dict[str, Seen]:
        """Those of these objects that are there."""

    def everything(self) -> dict[str, Seen]:
        """Every object that is there, by its id; what is no object is passed over."""

    def remove(self, oids: Collection[str]) -> None:
        """Remove objects, directory objects before all files; one that is gone already is no error."""

    def leftovers(self, before: float) -> list[Leftover]:
        """What uploads left that were last at work before a time (seconds since the epoch)."""

    def clean(self, leftovers: Collection[Leftover]) -> None:
        """Remove leftovers."""


def inventory_of(remote: Remote) -> Inventory | None:
    """The inventory of a remote; None where it is of a kind that has none."""
    from cpv_hooks.remote.common.dvc_remote import DVCRemote
    from cpv_hooks.remote.s3.s3_remote import S3Remote

    if isinstance(remote, LocalRemote):
        return LocalInventory(remote)
    # Not its subclasses: a remote that keeps versions names its objects in another way.
    if type(remote) is S3Remote:
        from cpv_hooks.remote.s3.inventory import S3Inventory

        return S3Inventory(remote)
    if isinstance(remote, DVCRemote):
        from cpv_hooks.remote.common.dvc_inventory import DVCInventory

        return DVCInventory(remote)
    return None


def in_safe_order(oids: Collection[str]) -> list[str]:
    """Directory objects first: while one is there it promises its files."""
    return sorted(oids, key=lambda oid: (not is_dir_oid(oid), oid))


def object_files(folder: Path) -> Iterator[tuple[str, Path, os.stat_result]]:
    """The objects below a folder with DVC's layout: id, file and status. Raises `OSError`."""
    for first in _entries(folder):
        if _FOLDER.fullmatch(first.name) and first.is_dir(follow_symlinks=False):
            for second in _entries(Path(first.path)):
                oid = first.name + second.name
                if is_oid(oid) and second.is_file(follow_symlinks=False):
                    yield oid, Path(second.path), second.stat(follow_symlinks=False)


def temporary_files(folder: Path, before: float) -> Iterator[tuple[Path, int]]:
    """CPV's temporary files, and folders of such, in a folder that were last written before a time (seconds since the
    epoch), each with its bytes."""
    for entry in _entries(folder):
        if entry.name.endswith(TEMPORARY) and not entry.is_symlink():
            inner = [Path(top, name) for top, _, names in os.walk(entry.path) for name in names]
            status = [path.lstat() for path in (Path(entry.path), *inner)]
            if max(item.st_mtime for item in status) < before:
                yield Path(entry.path), sum(item.st_size for item in status if not stat.S_ISDIR(item.st_mode))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):
        return []


class LocalInventory:
    """A remote that is a directory. It computes no checksums."""

    def __init__(self, remote: LocalRemote) -> None:
        self._remote = remote

    def look(self, oids: Collection[str]) -> dict[str, Seen]:
        """See `Inventory`."""
        found = {oid: self._status(oid) for oid in oids}
        return {oid: Seen(status.st_size, None, status.st_mtime) for oid, status in found.items() if status}

    def _status(self, oid: str) -> os.stat_result | None:
        try:
            return self._remote.path(oid).stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._remote.check()  # says best what stands in the way
            raise self._fault(error) from error

    def everything(self) -> dict[str, Seen]:
        """See `Inventory`."""
        try:
            return {
                oid: Seen(status.st_size, None, status.st_mtime) for oid, _, status in object_files(self._remote.folder)
            }
        except OSError as error:
            raise self._fault(error) from error

    def remove(self, oids: Collection[str]) -> None:
        """See `Inventory`."""
        try:
            for oid in in_safe_order(oids):
                self._remote.path(oid).unlink(missing_ok=True)
        except OSError as error:
            raise self._fault(error) from error

    def leftovers(self, before: float) -> list[Leftover]:
        """See `Inventory`."""
        try:
            folders = [Path(entry.path) for entry in _entries(self._remote.folder) if _FOLDER.fullmatch(entry.name)]
            found = [item for folder in folders for item in temporary_files(folder, before)]
        except OSError as error:
            raise self._fault(error) from error
        return [Leftover(str(path), str(path), size) for path, size in found]

    def clean(self, leftovers: Collection[Leftover]) -> None:
        """See `Inventory`."""
        try:
            for leftover in leftovers:
                Path(leftover.handle).unlink(missing_ok=True)
        except OSError as error:
            raise self._fault(error) from error

    def _fault(self, error: OSError) -> RemoteError:
        plain = disk_error(error, self._remote.folder)
        return RemoteError(plain.what, where=f"remote {plain.where}", fix=plain.fix)
