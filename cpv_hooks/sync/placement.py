"""Bringing an artifact and taking it away, so that what fails half-way is finished or undone later.

Before the first file of a directory is touched, the index says on the disk what is being done (`Entry.placing`). Until
that is done, what stands there is a mixture of what was and what is to be, and nobody's edit.
"""

from __future__ import annotations

from contextlib import suppress

from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.worktree import folder_links
from cpv_hooks.worktree.artifact import Artifact
from cpv_hooks.worktree.base_index import REMOVING
from cpv_hooks.worktree.materialise import Placed, complete, needed, place_directory, place_file
from cpv_hooks.worktree.removal import remove_artifact
from cpv_hooks.worktree.snapshot import Taken, take_directory, take_file
from cpv_hooks.worktree.verified_in_cache import keep
from cpv_hooks.worktree.workspace import Workspace


def bring(artifact: Artifact, pointer: Pointer) -> Placed:
    """Bring a pointer's content; what stands there now is its base (or nothing), and is made safe first.

    Nothing is touched where `MissingObject` is raised. The caller moves the base, which ends the mark.
    """
    space, path = artifact.space, artifact.path
    base = artifact.entry if artifact.status is not None else None
    if base is not None and base.isdir and artifact.tree is None:
        raise CPVError("changed while it was being looked at", where=path, fix="dvc cpv sync")
    tree = artifact.tree if base is not None else None
    current = tree.contents() if tree is not None else {}
    wanted = complete(space, pointer, current if pointer.isdir else {})
    if base is not None:
        target = space.target(path)
        held = current if base.isdir else {"": base.oid}
        going = ((oid, target / name) for name, oid in held.items() if not pointer.isdir or wanted.get(name) != oid)
        keep(space, going)
    if pointer.isdir or current:
        assert pointer.oid is not None
        space.index.mark(path, pointer.oid)
    if pointer.isdir:
        return place_directory(space, pointer, current, wanted=wanted, before=tree.listing if tree else None)
    if base is not None and base.isdir:
        _clear(space, path, list(current))
    return place_file(space, pointer)


def remove(artifact: Artifact) -> None:
    """Take an artifact away that is its base. Its entry stays, marked, until the caller drops it."""
    space, path, entry, tree = artifact.space, artifact.path, artifact.entry, artifact.tree
    assert entry is not None
    target = space.target(path)
    held = tree.contents() if tree is not None else {"": entry.oid}
    keep(space, ((oid, target / name if name else target) for name, oid in held.items()))
    space.index.mark(path, REMOVING)
    if tree is None:
        remove_artifact(target, None)
    else:
        _clear(space, path, list(held))


def _clear(space: Workspace, path: str, names: list[str]) -> None:
    target = space.target(path)
    remove_artifact(target, names)
    if target.is_dir():
        folder_links.set_aside(space, path)
        remove_artifact(target, [])


def take(artifact: Artifact) -> Taken:
    """What stands in an artifact's place, by now in the cache."""
    space, path = artifact.space, artifact.path
    return take_directory(space, path, artifact.look) if artifact.isdir else take_file(space, path)


def is_ours(artifact: Artifact, taken: Taken, placing: str) -> bool:
    """Whether what was stopped half-way left all that stands there: each file is of the one version or the other."""
    space, base = artifact.space, artifact.entry
    ours = set(artifact.tree.contents().items()) if artifact.tree else set()
    if base is not None and not base.isdir:
        ours.add(("", base.oid))
    if placing != REMOVING:
        with suppress(CPVError):
            ours |= set(needed(Pointer(file="", path=artifact.path, oid=placing), space.cache))
    found = taken.tree.contents().items() if taken.tree is not None else {("", taken.content.oid)}
    return set(found) <= ours
