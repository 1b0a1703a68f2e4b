"""Objects on their way from the remote into the cache."""

from __future__ import annotations

import threading
from collections.abc import Collection

from cpv_hooks.console.output import warn
from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.directory_object import is_dir_oid, is_oid
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.project.expected import project_for
from cpv_hooks.project.project import Project
from cpv_hooks.transfer.objects.store import Store


def fetch(project: Project, oids: Collection[str], progress: Progress, *, legacy: bool = False) -> set[str]:
    """Bring objects, and the files of directory objects, into the cache; returns what the remote at hand does not have.

    Bytes are hashed on the way in. A corrupt object is named in a warning, never installed, and returned with the
    missing ones; the others still come. Raises `RemoteError` where the remote cannot be used at all.
    """
    store = Store(project, legacy=legacy)
    unusable: set[str] = {oid for oid in oids if not is_oid(oid)}
    files: dict[str, None] = {oid: None for oid in oids if oid not in unusable and not is_dir_oid(oid)}
    for oid in filter(is_dir_oid, set(oids) - unusable):
        listing = _listing(store, oid, progress)
        if listing is None:
            unusable.add(oid)
        files.update((file, None) for _, file in listing or ())
    return unusable | _fetch_files(store, [oid for oid in files if store.lacks(oid)], progress)


def fetch_pointer(
    project: Project, pointer: Pointer, progress: Progress | None = None, oids: Collection[str] | None = None
) -> set[str]:
    """Bring all that one pointer needs, or these objects of it; see `fetch`."""
    if pointer.oid is None:
        return set()
    with progress or Progress(f"fetching {pointer.path}") as shown:
        return fetch(
            project_for(project, pointer), [pointer.oid] if oids is None else oids, shown, legacy=pointer.legacy
        )


def fetch_listing(project: Project, pointer: Pointer) -> bool:
    """Bring the list of a folder's files alone, where the cache lacks it (see `fetch`); whether nobody has it."""
    store = Store(project_for(project, pointer), legacy=pointer.legacy)
    if pointer.oid is not None and is_dir_oid(pointer.oid) and store.lacks(pointer.oid):
        with Progress(f"fetching {pointer.path}") as shown:
            return bool(_fetch_files(store, [pointer.oid], shown))
    return False


def _listing(store: Store, oid: str, progress: Progress) -> list[tuple[str, str]] | None:
    from cpv_hooks.errors import CPVError
    from cpv_hooks.remote.common.protocol import CorruptObject, RemoteError

    try:
        return store.listing(oid, progress)
    except CPVError as error:
        if isinstance(error, RemoteError) and not isinstance(error, CorruptObject):
            raise
        warn(str(error))
        return None


def _fetch_files(store: Store, oids: list[str], progress: Progress) -> set[str]:
    from cpv_hooks.remote.common.protocol import CorruptObject, MissingObject
    from cpv_hooks.system.threads import each

    missing: set[str] = set()
    lock = threading.Lock()

    def bring(oid: str) -> None:
        try:
            store.fetch(oid, progress)
        except (MissingObject, CorruptObject) as error:
            with lock:
                missing.add(oid)
                if isinstance(error, CorruptObject):
                    warn(str(error))

    if oids:
        each(bring, oids, store.remote.downloads)
    return missing
