"""Materialise: a pointer's content from the cache into the work tree, in place and file by file.

Whoever asks has made sure that the cache has what is overwritten or removed here.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress

from cpv_hooks.dvcformat.cache import Cache
from cpv_hooks.dvcformat.directory_object import read_dir_object
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.columns import HashColumn, NameColumn
from cpv_hooks.system.signatures import FolderListing, signature
from cpv_hooks.worktree import folder_links
from cpv_hooks.worktree.base_index import BaseEntry
from cpv_hooks.worktree.base_tree import NO_FILES, Absent, Tree
from cpv_hooks.worktree.placer import Placer
from cpv_hooks.worktree.removal import remove_files
from cpv_hooks.worktree.workspace import MissingFromCache, Workspace


class Placed(NamedTuple):
    """What was brought: the new base."""

    entry: BaseEntry
    tree: Tree | None = None


def needed_objects(pointer: Pointer, cache: Cache) -> list[tuple[str, str]]:
    """What the pointer's content consists of: `(relative path, oid)`; the path is empty for a file.

    Raises `MissingFromCache` where the `.dir` object itself is not in the cache.
    """
    assert pointer.oid is not None
    if not pointer.isdir:
        return [("", pointer.oid)]
    found = cache.by(legacy=pointer.legacy).find(pointer.oid)
    if found is None:
        raise MissingFromCache(pointer, [pointer.oid])
    return read_dir_object(found, pointer.oid, legacy=pointer.legacy)


def lacking_objects(pointer: Pointer, cache: Cache, wanted: Iterable[str]) -> Iterator[str]:
    """Those of these objects of a pointer's content that the cache has not."""
    cache = cache.by(legacy=pointer.legacy)
    return (oid for oid in wanted if not cache.has(oid))


def place_file(space: Workspace, pointer: Pointer) -> Placed:
    assert pointer.oid is not None
    target = space.target(pointer.path)
    if any(lacking_objects(pointer, space.cache, [pointer.oid])):
        raise MissingFromCache(pointer, [pointer.oid])
    space.grow(_size(space, pointer, [pointer.oid]) if pointer.size is None else pointer.size)
    with Placer(space, legacy=pointer.legacy) as placer:
        placer.place(pointer.oid, target, isexec=pointer.isexec)
    status, checked = space.settled(target)
    return Placed(BaseEntry(pointer.oid, pointer.isexec, signature(status), checked, legacy=pointer.legacy))


def complete_objects(
    space: Workspace, pointer: Pointer, current: Mapping[str, str], here: Mapping[str, str] | None = None
) -> dict[str, str]:
    """All that the pointer's content consists of (`needed_objects`), or what of it is to be `here`.

    Raises `MissingFromCache` where the cache lacks some of it.

    What stands there already (`current`) is not asked for.
    """
    wanted = dict(needed_objects(pointer, space.cache)) if here is None else dict(here)
    if pointer.isdir and not space.tells_names_apart:
        from cpv_hooks.system.alike_names import alike, one_name

        held = alike(wanted)
        if held:
            raise one_name(pointer.path, held)
    going = (oid for name, oid in wanted.items() if current.get(name) != oid)
    missing = list(lacking_objects(pointer, space.cache, going))
    if missing:
        raise MissingFromCache(pointer, sorted(set(missing)))
    return wanted


def comparable(current: Mapping[str, str], *, same_rule: bool) -> dict[str, str]:
    """The files that stand there, with no hash where theirs is not by the same rule: equal names then mean nothing."""
    return dict(current) if same_rule else dict.fromkeys(current, "")


def place_directory(
    space: Workspace,
    pointer: Pointer,
    current: Mapping[str, str],
    *,
    wanted: dict[str, str] | None = None,
    absent: Mapping[str, str] = NO_FILES,
    before: FolderListing | None = None,
) -> Placed:
    """Bring a directory artifact: only files that differ from `current` (relative path -> oid) are touched.

    `wanted` is what `complete_objects` found just now, `absent` what belongs to the content and stays away on purpose,
    and `before` the listing that `current` is of, whose hashes are of the pointer's own kind (`comparable`).
    """
    target = space.target(pointer.path)
    wanted = complete_objects(space, pointer, current) if wanted is None else wanted
    going = {name: oid for name, oid in wanted.items() if current.get(name) != oid}
    whole = pointer.size is not None and len(going) == len(wanted) and not absent
    space.grow(pointer.size or 0 if whole else _size(space, pointer, going.values()))
    with Placer(space, legacy=pointer.legacy) as placer:
        if os.path.lexists(target) or not placer.build(going, target):
            placer.make_folder(target, target)
            remove_files(target, current.keys() - wanted.keys())
            for name, oid in going.items():
                placer.place(oid, f"{target}/{name}", isexec=False, root=target)
        folder_links.put_back(space, pointer.path)
        listing, checked = _settled(space, pointer.path, wanted.keys())
        moved = _moved(before, listing, wanted.keys() - going.keys()) if before is not None else []
        links = [name for name in moved if os.path.islink(target / name)]
        if links:
            # They led to files that are others now, or gone.
            for name in links:
                placer.place(wanted[name], f"{target}/{name}", isexec=False, root=target)
            listing, checked = _settled(space, pointer.path, wanted.keys())
    known = set(listing.names) == wanted.keys() and len(links) == len(moved)
    return _base_of(space, pointer, (listing, checked), wanted if known else None, absent)


def _settled(space: Workspace, path: str, wanted: Set[str]) -> tuple[FolderListing, int]:
    """What is there now, without links that lead nowhere; those which stand for a file are the caller's to replace."""
    dangling: set[str] = set()
    # What was written just now is of this tick of the clock, and would be listed a second time.
    space.clock.past(space.clock.now())
    listing, checked = space.settled_listing(path, dangling)
    folder_links.set_links_aside(space, path, dangling - wanted)
    return listing, checked


def _moved(before: FolderListing, now: FolderListing, names: Set[str]) -> list[str]:
    """Those of the files that were left alone which are others now, all the same."""
    if before.names == now.names and before.numbers == now.numbers:
        return []
    # A ctime changes with each further name that a cache object gets (`cache.type hardlink`).
    old, new = ({name: (*each[:2], each[3]) for name, each in listing.items()} for listing in (before, now))
    return sorted(name for name in names if old.get(name) != new.get(name))


def _size(space: Workspace, pointer: Pointer, oids: Iterable[str]) -> int:
    """Bytes of these cache objects; those that lie in the place of DVC's other layout are not counted."""
    cache, found = space.cache.by(legacy=pointer.legacy), 0
    for oid in oids:
        with suppress(OSError):
            found += os.stat(cache.path(oid)).st_size
    return found


def _base_of(
    space: Workspace,
    pointer: Pointer,
    found: tuple[FolderListing, int],
    wanted: dict[str, str] | None,
    absent: Mapping[str, str],
) -> Placed:
    oid, (listing, checked) = pointer.oid or "", found
    entry = BaseEntry(oid, checked=checked, legacy=pointer.legacy, left_out=bool(absent))
    if wanted is None:
        # Someone wrote, added or removed a file meanwhile: an unknown base, so that the next sync reads the folder.
        return Placed(
            entry._replace(checked=0),
            Tree(
                FolderListing(NameColumn.of([]), array("q")), HashColumn.of([]), Absent(absent, None if absent else 0)
            ),
        )
    rest = None if pointer.size is None else max(0, pointer.size - listing.size)
    oids = HashColumn.of(wanted[name] for name in listing.names)
    return Placed(
        entry._replace(plain=space.is_plain(pointer.path)),
        Tree(listing, oids, Absent(absent, rest) if absent else Absent()),
    )
