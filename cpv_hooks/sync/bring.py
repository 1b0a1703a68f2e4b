"""Brings what a pointer names, and leaves out what is not asked for."""

from __future__ import annotations

from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.sync.outcomes import LeftOut, Outcome
from cpv_hooks.sync.placement import bring_artifact, take_away
from cpv_hooks.sync.sync_policy import SyncPolicy
from cpv_hooks.sync.unsaved import note_unsaved
from cpv_hooks.sync.wanted_content import fetch_wanted
from cpv_hooks.worktree.artifact import Artifact
from cpv_hooks.worktree.base_index import BaseEntry, Index
from cpv_hooks.worktree.base_tree import Absent
from cpv_hooks.worktree.materialise import Placed
from cpv_hooks.worktree.snapshot import Snapshot


def bring(policy: SyncPolicy, index: Index, artifact: Artifact, pointer: Pointer) -> Outcome:
    """Bring the pointer's content; what stands there now is the base (or nothing), and is made safe first."""
    if pointer.oid is None:
        return Outcome(pointer.path, "absent", pointer)
    wanted, entry = fetch_wanted(policy, artifact, pointer), artifact.entry
    if entry is not None and (entry.oid, entry.legacy) != (pointer.oid, pointer.legacy):
        note_unsaved(artifact, pointer.file, policy.name)
    if wanted.leaves_all:
        return _leave_out(index, artifact, pointer)
    before = artifact.tree.absent if artifact.tree is not None else Absent()
    if artifact.same and entry is not None and entry.named == pointer.named and wanted.absent == before.files:
        return Outcome(pointer.path, "clean", pointer)
    placed = bring_artifact(artifact, pointer, wanted)
    set_base(index, pointer.path, placed)
    absent = placed.tree.absent if placed.tree is not None else Absent()
    had_less = artifact.tree is None and entry is not None and entry.left_out
    is_new = not had_less and bool(absent.files.keys() - before.files.keys())
    leaves = LeftOut(len(absent.files), absent.size) if is_new else None
    if not (is_new and wanted.alike):
        return Outcome(pointer.path, "materialised", pointer, leaves=leaves)
    from cpv_hooks.system.alike_names import one_name

    rest = len(absent.files) - len(wanted.alike)
    error = one_name(pointer.path, wanted.alike, left_out=True)
    return Outcome(pointer.path, "materialised", pointer, error, leaves=LeftOut(rest, None) if rest else None)


def _leave_out(index: Index, artifact: Artifact, pointer: Pointer) -> Outcome:
    """All of it is absent on purpose; what stands there is an older version, and is taken away."""
    entry, path = artifact.entry, pointer.path
    known = artifact.status is None and entry is not None and entry.left_out and entry.named == pointer.named
    if artifact.status is not None:
        take_away(artifact)
    index.leave_out(path, pointer)
    return Outcome(path, "left out", pointer, leaves=None if known else LeftOut(pointer.nfiles, pointer.size))


def set_base(index: Index, path: str, held: Snapshot | Placed) -> None:
    """From now on this is what pointer and artifact agree on."""
    if held.tree is not None:
        index.write_tree(path, held.entry.oid, held.tree)
    index.set(path, held.entry)


def set_base_under_way(index: Index, path: str, held: Snapshot, before: BaseEntry | None) -> None:
    """The same of what is still being brought or removed, as the entry `before` says."""
    set_base(index, path, held)
    if before is not None:
        index.set(path, held.entry._replace(placing=before.placing, placing_legacy=before.placing_legacy))
