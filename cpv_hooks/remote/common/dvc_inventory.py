"""What lies on a remote that DVC opens, as far as its file system says it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from cpv_hooks.dvcformat.directory_object import is_dir_oid, is_oid
from cpv_hooks.remote.common.dvc_remote import THREADS, DVCRemote, stored_md5
from cpv_hooks.remote.common.inventory import Leftover, Seen, in_safe_order
from cpv_hooks.remote.common.protocol import RemoteError
from cpv_hooks.system.threads import each

# What the file systems call the time of the last change: SFTP and WebHDFS, S3, Azure, Google, WebDAV.
_TIMES = ("mtime", "LastModified", "last_modified", "updated", "modified")
_NO_LISTING = ("http", "https")


class DVCInventory:
    """The objects of a `DVCRemote`."""

    def __init__(self, remote: DVCRemote) -> None:
        self._remote = remote

    def look(self, oids: Collection[str]) -> dict[str, Seen]:
        found: dict[str, Seen] = {}

        def ask(oid: str) -> None:
            info = self._remote.info(oid)
            if info is not None:
                found[oid] = _seen(info)

        with self._remote.explained():
            _ = self._remote.odb
            each(ask, list(oids), THREADS)
        return found

    def everything(self) -> dict[str, Seen]:
        with self._remote.explained():
            odb = self._remote.odb
            if odb.fs.protocol in _NO_LISTING:
                fix = "dvc cpv prune, without --remote"
                raise RemoteError("this server cannot list what it has", where=self._remote.url, fix=fix)
            try:
                listed: Mapping[str, Any] = odb.fs.fs.find(odb.path.rstrip("/"), detail=True)
            except FileNotFoundError:
                return {}
            named = {_oid(path): info for path, info in listed.items()}
        return {oid: _seen(info) for oid, info in named.items() if is_oid(oid)}

    def remove(self, oids: Collection[str]) -> None:
        with self._remote.explained():
            odb = self._remote.odb

            def drop(oid: str) -> None:
                with suppress(FileNotFoundError):
                    odb.fs.remove(odb.oid_to_path(oid))

            ordered = in_safe_order(oids)
            each(drop, [oid for oid in ordered if is_dir_oid(oid)], THREADS)
            each(drop, [oid for oid in ordered if not is_dir_oid(oid)], THREADS)

    def leftovers(self, before: float) -> list[Leftover]:
        """See `Inventory`. What DVC's own file systems leave there is not ours to know."""
        return []

    def clean(self, leftovers: Collection[Leftover]) -> None:
        """See `Inventory`."""


def _oid(path: str) -> str:
    return "".join(path.rsplit("/", 2)[-2:])


def _seen(info: Mapping[str, Any]) -> Seen:
    size = info.get("size")
    return Seen(size if isinstance(size, int) else None, stored_md5(info), _modified(info))


def _modified(info: Mapping[str, Any]) -> float | None:
    value = next((info[key] for key in _TIMES if info.get(key) is not None), None)
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).timestamp()
        except ValueError:
            return None
    return float(value) if isinstance(value, int | float) else None
