"""Invariant 1: no byte of an artifact is overwritten or removed unless its content is in the cache, verified.

"Verified" costs no second read where it can: the signature of a large cache object is remembered when its bytes were
last known to be right, and a ctime cannot be forged.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from cpv_hooks.dvcformat.cache import Cache
from cpv_hooks.errors import CPVError
from cpv_hooks.system.signatures import signature
from cpv_hooks.worktree.base_index import Index
from cpv_hooks.worktree.workspace import Workspace

LARGE_OBJECT = 1 << 20  # bytes; below that reading is cheaper than remembering


def remember_object(cache: Cache, index: Index, oid: str) -> None:
    """Note the signature of a large object whose bytes were just verified."""
    with suppress(FileNotFoundError):  # it lies in the place of DVC's other layout, of a cache that cannot be written
        status = cache.path(oid).stat()
        if status.st_size >= LARGE_OBJECT:
            index.objects[oid] = signature(status)


def is_safe(cache: Cache, index: Index, oid: str) -> bool:
    """Whether the cache holds the right bytes of an object: known by its signature, or by reading it."""
    if cache.small(oid) is not None:
        return True
    path = cache.file(oid)
    if path is None:
        return False
    status = os.stat(path)
    if index.objects.get(oid) == signature(status):
        return True
    if not cache.holds(path, oid):
        return False
    if status.st_size >= LARGE_OBJECT and Path(path) == cache.path(oid):
        remember_object(cache, index, oid)
    return True


def keep_in_cache(space: Workspace, contents: Iterable[tuple[str, str | Path]], *, legacy: bool = False) -> None:
    """Make sure, durably, that the cache has the content of files that are about to go: `(hash, file)` pairs."""
    cache, oids = space.cache.by(legacy=legacy), []
    for oid, target in contents:
        if not is_safe(cache, space.index, oid):
            held, _ = cache.add_file(target)
            if held != oid:
                raise CPVError("changed while it was being replaced", where=str(target), fix="repeat the command")
        oids.append(oid)
    cache.sync(oids)
