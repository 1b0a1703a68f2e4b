"""What each version added to the storage: the content that no version before it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.history.reader import Recorded
from cpv_hooks.history.where import Where
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.project import Project
from cpv_hooks.transfer.objects.store import Store, Stores

_MOST_BYTES = 256 << 20
"""Bytes of lists of files that are read; folders that come later count as a whole."""


class Growth(NamedTuple):
    """Bytes that a version added; `exact` is false where a folder counts as a whole, because which of its files are new
    cannot be seen in this clone's cache."""

    added: int
    exact: bool


class StorageGrowth:
    """Follows the versions in the order in which they were made."""

    def __init__(self, projects: Sequence[Project]) -> None:
        self._where = Where(projects)
        self._stores: dict[Path, Stores] = {}
        self._seen: set[tuple[bool, str]] = set()
        self._folders: dict[str, str] = {}
        self._left = _MOST_BYTES

    def of(self, found: Sequence[Recorded]) -> dict[str, Growth]:
        """By version. One that cannot be read adds nothing."""
        ordered = sorted(found, key=lambda one: (one.time, one.line, one.number))
        return {one.name: self._version(one) for one in ordered}

    def _version(self, one: Recorded) -> Growth:
        parts = [self._artifact(artifact.pointer) for artifact in one.artifacts]
        return Growth(sum(part.added for part in parts), all(part.exact for part in parts))

    def _artifact(self, pointer: Pointer) -> Growth:
        if pointer.oid is None or not self._is_new(pointer, pointer.oid):
            return Growth(0, True)
        if not pointer.isdir:
            return Growth(pointer.size or 0, pointer.size is not None)
        try:
            sizes = list(self._new_files(pointer))
        except (CPVError, OSError):
            sizes = [None]
        known = [size for size in sizes if size is not None]
        whole = pointer.size or 0
        return Growth(sum(known), True) if len(known) == len(sizes) else Growth(whole, False)

    def _new_files(self, pointer: Pointer) -> Iterator[int | None]:
        """The sizes of a folder's files that no version had before; None: not known."""
        store = self._store(pointer)
        if pointer.stored:
            listed = [(item.oid, item.size) for item in pointer.stored]
        else:
            found = self._listed(store, pointer)
            if found is None:
                yield None
                return
            listed = [(oid, None) for oid in found]
        for oid, size in listed:
            if self._is_new(pointer, oid):
                blob = store.blob(oid) if size is None else None
                yield blob.size if blob else size

    def _listed(self, store: Store, pointer: Pointer) -> list[str] | None:
        """The objects of a folder's files, or only those that its last version has not."""
        assert pointer.oid is not None
        blob = store.blob(pointer.oid)
        if blob is None or blob.size > self._left:
            return None
        self._left -= blob.size
        base = self._folders.get(pointer.path)
        self._folders[pointer.path] = pointer.oid
        found = store.additions(pointer.oid, base) if base else None
        return [oid for _, oid in (store.read_listing(blob.path, blob.oid) if found is None else found)]

    def _is_new(self, pointer: Pointer, oid: str) -> bool:
        key = (pointer.legacy, oid)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def _store(self, pointer: Pointer) -> Store:
        project = self._where.project(pointer)
        return self._stores.setdefault(project.root, Stores(project)).of(pointer)
