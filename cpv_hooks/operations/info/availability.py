"""Where a version's content is: in the cache of this machine, on the remote."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.project.project import Project
from cpv_hooks.transfer.objects.store import Store

SECONDS = 5.0
"""For so long the remote is asked before the answer is "not known"."""


def is_cached(project: Project, pointers: Sequence[Pointer]) -> bool:
    """Whether the cache has every object of these artifacts."""
    stores = {legacy: Store(project, legacy=legacy) for legacy in (False, True)}
    return all(_has(stores[pointer.legacy], pointer) for pointer in pointers if pointer.oid or not pointer.imported)


def _has(store: Store, pointer: Pointer) -> bool:
    blob = store.blob(pointer.oid) if pointer.oid else None
    if blob is None or not pointer.isdir:
        return blob is not None
    try:
        listing = store.read_listing(blob.path, blob.oid)
    except (CPVError, OSError):
        return False
    return not any(store.lacks(oid) for _, oid in listing)


def on_remote(project: Project, groups: Sequence[Sequence[Pointer]], *, seconds: float = SECONDS) -> list[bool | None]:
    """Whether the remote has each group of artifacts; None where it could not be asked in time.

    Imports, and what a stage keeps off the remote, are not expected there. A directory is there if its listing is,
    which is uploaded after its files; on a remote that keeps versions each file is asked for.
    """
    gone: dict[bool, set[str]] = {}
    wanted = {
        legacy: {oid for group in groups for p in group if p.legacy is legacy for oid in _expected(p)}
        for legacy in (False, True)
    }

    def ask() -> None:
        try:
            for legacy, oids in wanted.items():
                gone[legacy] = Store(project, legacy=legacy).remote.missing(oids) if oids else set()
        except CPVError:
            gone.clear()

    # A thread that a dead network holds must not keep the process from ending.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    if asking.is_alive() or len(gone) < len(wanted):
        return [None] * len(groups)
    return [not any(_expected(pointer) & gone[pointer.legacy] for pointer in group) for group in groups]


def _expected(pointer: Pointer) -> set[str]:
    """The objects that the remote must have, if it has the artifact."""
    if pointer.oid is None or pointer.imported or not pointer.push:
        return set()
    # Where files lie by version, the pointer lists them, and no object stands for them all.
    return {item.oid for item in pointer.stored} if pointer.isdir and pointer.stored else {pointer.oid}
