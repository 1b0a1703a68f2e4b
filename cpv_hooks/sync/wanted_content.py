"""What of an artifact's content a sync brings, and what it must know before it reads a folder that is partly there."""

from __future__ import annotations

from contextlib import nullcontext, suppress

from cpv_hooks.dvcformat.directory_object import dir_oid
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.sync.sync_policy import SyncPolicy
from cpv_hooks.sync.unsaved import is_committed
from cpv_hooks.worktree.absent_files import Wanted, part_wanted, split_wanted, without_base
from cpv_hooks.worktree.artifact import Artifact
from cpv_hooks.worktree.base_index import BaseEntry
from cpv_hooks.worktree.base_tree import Absent
from cpv_hooks.worktree.materialise import lacking_objects
from cpv_hooks.worktree.snapshot import Snapshot
from cpv_hooks.worktree.workspace import Workspace


def fetch_wanted(policy: SyncPolicy, artifact: Artifact, pointer: Pointer) -> Wanted:
    """What of a pointer's content is to be here, by now in the cache as far as the policy may fetch it."""
    space = artifact.space
    if policy.fetch and part_wanted(space, pointer) != "none":
        _fetch_listing(space, pointer)
    found = split_wanted(space, pointer, artifact.tree, is_there=artifact.status is not None)
    if policy.fetch:
        oids = list(lacking_objects(pointer, space.cache, found.here.values()))
        if oids:
            from cpv_hooks.transfer.objects.fetch_objects import fetch_pointer

            fetch_pointer(space.project, pointer, oids=oids)
    return found


def with_absent(policy: SyncPolicy, artifact: Artifact, pointer: Pointer) -> Artifact:
    """A folder ready to be read: it is known which files belong to it and are absent on purpose."""
    space, entry = artifact.space, artifact.entry
    if not artifact.isdir or not (entry.left_out if entry is not None else pointer.isdir):
        return artifact
    if entry is not None:
        if policy.fetch and artifact.tree is None:
            _fetch_listing(space, pointer._replace(oid=entry.oid))
        return artifact
    if policy.fetch:
        # Where nothing is left out, the list is of use and no more.
        with suppress(CPVError) if part_wanted(space, pointer) == "all" else nullcontext():
            _fetch_listing(space, pointer)
    return Artifact.at(space, pointer.path) if without_base(space, pointer) else artifact


def names_the_part_here(policy: SyncPolicy, space: Workspace, pointer: Pointer, taken: Snapshot) -> bool:
    """Whether a pointer is that of what is here of a folder that is partly there, and no version's: `dvc add` and `dvc
    commit` know nothing of the rest."""
    tree, oid, repo = taken.tree, pointer.oid, space.project.repo
    if policy.follow or policy.merging or taken.content.named == pointer.named:
        return False
    if tree is None or not tree.absent.files or oid is None:
        return False
    if oid != dir_oid(b"".join(tree._replace(absent=Absent()).dir_object())):
        return False
    return repo.under_way() is None and not is_committed(repo, pointer.file, pointer.path, BaseEntry(oid))


def _fetch_listing(space: Workspace, pointer: Pointer) -> None:
    if pointer.isdir and pointer.oid and not space.cache.by(legacy=pointer.legacy).has(pointer.oid):
        from cpv_hooks.transfer.objects.fetch_objects import fetch_listing

        fetch_listing(space.project, pointer)
