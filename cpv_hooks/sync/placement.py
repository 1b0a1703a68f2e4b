"""Bringing an artifact and taking it away, so that what fails half-way is finished or undone later.

Before the first file of a directory is touched, the index says on the disk what is being done (`Entry.placing`). Until
that is done, what stands there is a mixture of what was and what is to be, and nobody's edit.
"""

from __future__ import annotations

from contextlib import suppress

from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.worktree import folder_links
from cpv_hooks.worktree.absent_files import Wanted
from cpv_hooks.worktree.artifact import Artifact
from cpv_hooks.worktree.base_index import REMOVING
from cpv_hooks.worktree.base_tree import NO_FILES
from cpv_hooks.worktree.materialise import (
    Placed,
    comparable,
    complete_objects,
    needed_objects,
    place_directory,
    place_file,
)
from cpv_hooks.worktree.removal import remove_artifact
from cpv_hooks.worktree.snapshot import Snapshot
from cpv_hooks.worktree.verified_in_cache import keep_in_cache
from cpv_hooks.worktree.workspace import Workspace


def bring_artifact(artifact: Artifact, pointer: Pointer, goal: Wanted | None = None) -> Placed:
    """Bring a pointer's content, or what of it is to be here; what stands there now is its base (or nothing), and is
    made safe first.

    Nothing is touched where `MissingObject` is raised. The caller moves the base, which ends the mark.
    """
    space, path = artifact.space, artifact.path
    base = artifact.entry if artifact.status is not None else None
    if base is not None and base.isdir and artifact.tree is None:
        raise CPVError("changed while it was being looked at", where=path, fix="dvc cpv sync")
    tree = artifact.tree if base is not None else None
    current = tree.contents() if tree is not None else {}
    same_rule = base is None or base.legacy == pointer.legacy
    known = comparable(current, same_rule=same_rule)
    wanted = complete_objects(space, pointer, known if pointer.isdir else {}, goal.here if goal else None)
    if base is not None:
        target = space.target(path)
        held = current if base.isdir else {"": base.oid}
        staying = {name for name, oid in known.items() if wanted.get(name) == oid} if pointer.isdir else ()
        going = ((oid, f"{target}/{name}" if name else target) for name, oid in held.items() if name not in staying)
        keep_in_cache(space, going, legacy=base.legacy)
    if pointer.isdir or current:
        assert pointer.oid is not None
        space.index.mark(path, pointer.oid, legacy=pointer.legacy)
    if pointer.isdir:
        before = tree.listing if tree else None
        absent = goal.absent if goal else NO_FILES
        return place_directory(space, pointer, known, wanted=wanted, absent=absent, before=before)
    if base is not None and base.isdir:
        _clear(space, path, list(current))
    return place_file(space, pointer)


def take_away(artifact: Artifact) -> None:
    """Take an artifact away that is its base. Its entry stays, marked, until the caller drops it."""
    space, path, entry, tree = artifact.space, artifact.path, artifact.entry, artifact.tree
    assert entry is not None
    target = space.target(path)
    held = tree.contents() if tree is not None else {"": entry.oid}
    keep_in_cache(space, ((oid, target / name if name else target) for name, oid in held.items()), legacy=entry.legacy)
    space.index.mark(path, REMOVING)
    if tree is None:
        remove_artifact(target, None)
    else:
        _clear(space, path, list(held))


def _clear(space: Workspace, path: str, names: list[str]) -> None:
    target = space.target(path)
    remove_artifact(target, names)
    if target.is_dir():
        folder_links.set_links_aside(space, path)
        remove_artifact(target, [])


def is_half_placed(artifact: Artifact, taken: Snapshot, placing: str) -> bool:
    """Whether what was stopped half-way left all that stands there: each file is of the one version or the other."""
    space, base = artifact.space, artifact.entry
    ours: dict[bool, set[tuple[str, str]]] = {False: set(), True: set()}  # by whether DVC 2's hash is meant
    if base is not None:
        ours[base.legacy].update(artifact.tree.contents().items() if artifact.tree else ())
        if not base.isdir:
            ours[base.legacy].add(("", base.oid))
    if base is not None and placing != REMOVING:
        pointer = Pointer(file="", path=artifact.path, oid=placing, legacy=base.placing_legacy)
        with suppress(CPVError):
            ours[pointer.legacy].update(needed_objects(pointer, space.cache))
    found = taken.tree.contents() if taken.tree is not None else {"": taken.content.oid}
    strange = set(found.items()) - ours[taken.content.legacy]
    return not strange or (bool(ours[True]) and all(_is_any(artifact, name, ours[True]) for name, _ in strange))


def _is_any(artifact: Artifact, name: str, old: set[tuple[str, str]]) -> bool:
    """Whether a file is one of these, which DVC 2 named."""
    from cpv_hooks.dvcformat.file_hash import both_hashes

    target, cache = artifact.space.target(artifact.path), artifact.space.cache.by(legacy=True)
    path = target / name if name else target
    hashes = both_hashes(path)
    return (name, hashes[1]) in old and cache.is_same(path, hashes, hashes[1])
