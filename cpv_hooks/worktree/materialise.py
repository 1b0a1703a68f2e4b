"""Materialise: a pointer's content from the cache into the work tree, in place and file by file.

Nothing is overwritten or removed here that is not in the cache with the right bytes: `rescue` is asked first.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cpv_hooks.dvcformat.cache import Cache
from cpv_hooks.dvcformat.directory_object import read_dir_object
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.system.signatures import Listing, signature
from cpv_hooks.worktree.base_index import Entry, Tree
from cpv_hooks.worktree.placer import Placer
from cpv_hooks.worktree.removal import remove_files
from cpv_hooks.worktree.workspace import Workspace


class MissingObject(CPVError):
    """The cache lacks what a pointer names. `oids` are the missing objects."""

    def __init__(self, pointer: Pointer, oids: list[str]) -> None:
        self.oids = oids
        count = f"{len(oids)} objects, e.g. {oids[0]}" if len(oids) > 1 else f"object {oids[0]}"
        super().__init__(f"the cache lacks {count}", where=pointer.path, fix="dvc cpv sync")


@dataclass(frozen=True)
class Placed:
    """What was brought: the new base."""

    entry: Entry
    tree: Tree | None = None


def needed(pointer: Pointer, cache: Cache) -> list[tuple[str, str]]:
    """What the pointer's content consists of: `(relative path, oid)`; the path is empty for a file.

    Raises `MissingObject` where the `.dir` object itself is not in the cache.
    """
    assert pointer.oid is not None
    if not pointer.isdir:
        return [("", pointer.oid)]
    found = cache.find(pointer.oid)
    if found is None:
        raise MissingObject(pointer, [pointer.oid])
    return read_dir_object(found, pointer.oid)


def place_file(space: Workspace, pointer: Pointer) -> Placed:
    """Bring a file artifact."""
    assert pointer.oid is not None
    target = space.target(pointer.path)
    if space.cache.find(pointer.oid) is None:
        raise MissingObject(pointer, [pointer.oid])
    space.grow(_size(space, [pointer.oid]) if pointer.size is None else pointer.size)
    with Placer(space) as placer:
        placer.place(pointer.oid, target, isexec=pointer.isexec)
    status, checked = space.settled(target)
    return Placed(Entry(pointer.oid, pointer.isexec, signature(status), checked))


def place_directory(space: Workspace, pointer: Pointer, current: dict[str, str]) -> Placed:
    """Bring a directory artifact: only files that differ from `current` (relative path -> oid) are touched."""
    assert pointer.oid is not None
    target = space.target(pointer.path)
    wanted = dict(needed(pointer, space.cache))
    missing = [oid for name, oid in wanted.items() if current.get(name) != oid and not space.cache.has(oid)]
    if missing:
        raise MissingObject(pointer, sorted(set(missing)))
    going = {name: oid for name, oid in wanted.items() if current.get(name) != oid}
    whole = pointer.size is not None and len(going) == len(wanted)
    space.grow(pointer.size or 0 if whole else _size(space, going.values()))
    with Placer(space) as placer:
        if os.path.lexists(target) or not placer.build(going, target):
            placer.make_folder(target, target)
            remove_files(target, current.keys() - wanted.keys())
            for name, oid in going.items():
                placer.place(oid, f"{target}/{name}", isexec=False, root=target)
    return _base_of(space, pointer, target, wanted)


def _size(space: Workspace, oids: Iterable[str]) -> int:
    """Bytes of these cache objects; those in DVC 2's place, which are rare, are not counted."""
    found = 0
    for oid in oids:
        with suppress(OSError):
            found += os.stat(space.cache.path(oid)).st_size
    return found


def _base_of(space: Workspace, pointer: Pointer, target: Path, wanted: dict[str, str]) -> Placed:
    oid = pointer.oid or ""
    listing, checked = space.settled_listing(pointer.path)
    if set(listing.names) != wanted.keys():
        # Someone added or removed a file meanwhile: an unknown base, so that the next sync reads the folder.
        return Placed(Entry(oid, checked=0), Tree(Listing([], array("q")), []))
    return Placed(
        Entry(oid, checked=checked, plain=space.is_plain(pointer.path)),
        Tree(listing, [wanted[name] for name in listing.names]),
    )
