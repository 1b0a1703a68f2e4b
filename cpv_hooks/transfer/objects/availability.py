"""Where a version's content is: in the cache of this machine, on the remote."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.project.expected import expected
from cpv_hooks.project.project import Project
from cpv_hooks.transfer.objects.store import Store, Stores
from cpv_hooks.transfer.objects.upload_queue import Queue

SECONDS = 5.0
"""For so long the remote is asked before the answer is "not known"."""


def is_cached(project: Project, pointers: Sequence[Pointer]) -> bool:
    """Whether the cache has every object of these artifacts."""
    stores = {legacy: Store(project, legacy=legacy) for legacy in (False, True)}
    # One cache serves all remotes.
    return all(_has(stores[pointer.legacy], pointer) for pointer in pointers if pointer.oid or not pointer.imported)


def _has(store: Store, pointer: Pointer) -> bool:
    if pointer.oid is None or not pointer.isdir:
        return pointer.oid is not None and not store.lacks(pointer.oid)
    listing = store.cached_listing(pointer.oid)
    return listing is not None and not any(store.lacks(oid) for _, oid in listing)


def on_remote(
    project: Project,
    groups: Sequence[Sequence[Pointer]],
    commits: Sequence[str] | None = None,
    *,
    seconds: float = SECONDS,
) -> list[bool | None]:
    """Whether the remotes have each group of artifacts (as its commit has them); None without an answer in time.

    What need not be there (`expected`) is not looked for. A directory is there if its listing is, which is uploaded
    after its files; on a remote that keeps versions each file is asked for.
    """
    stores, gone = Stores(project), set[tuple[Store, str]]()
    answered = threading.Event()
    wanted = [
        [(pointer, oid) for pointer in group for oid in _objects(project, pointer, [commit] if commit else [])]
        for group, commit in zip(groups, commits or [""] * len(groups), strict=True)
    ]

    def ask() -> None:
        by_store: dict[Store, set[str]] = {}
        try:
            for pointer, oid in (item for group in wanted for item in group):
                by_store.setdefault(stores.of(pointer), set()).add(oid)
            for store, oids in by_store.items():
                gone.update((store, oid) for oid in store.remote.missing(oids))
            answered.set()
        except CPVError:
            pass

    # A thread that a dead network holds must not keep the process from ending.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    if not answered.is_set():
        return [None] * len(groups)
    return [not any((stores.of(pointer), oid) in gone for pointer, oid in group) for group in wanted]


def recorded_on_remote(project: Project, groups: Sequence[Sequence[Pointer]]) -> list[bool | None]:
    """Whether each group of artifacts was seen on the remotes, whole, when this clone last looked; None: not known.

    Nothing is asked. See `on_remote` for what is looked for.
    """
    stores, wanted = Stores(project), dict[Store, set[str]]()
    seen: set[tuple[Store, str]] = set()
    try:
        for pointer in (pointer for group in groups for pointer in group if not pointer.stored):
            wanted.setdefault(stores.of(pointer), set()).update(_objects(project, pointer, ()))
        for store, oids in wanted.items():
            found = Queue.of(project.repo).verified(store.remote.url, oids) if oids else ()
            seen.update((store, oid) for oid in found)
    except CPVError:
        return [None] * len(groups)

    def is_seen(pointer: Pointer) -> bool:
        # A pointer that lists its versions was written when they were there.
        if pointer.stored:
            return pointer.names_versions_on(project.remote_name_of(pointer))
        return all((stores.of(pointer), oid) in seen for oid in _objects(project, pointer, ()))

    return [all(map(is_seen, group)) or None for group in groups]


def _objects(project: Project, pointer: Pointer, commits: Sequence[str]) -> set[str]:
    rule = expected(project, pointer, commits)
    if pointer.oid is None or rule is None or not rule.required:
        return set()
    # Where files lie by version, the pointer lists them, and no object stands for them all.
    return {item.oid for item in pointer.stored} if pointer.isdir and pointer.stored else {pointer.oid}
