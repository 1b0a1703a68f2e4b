"""Data that nobody has any more because its version was retired: the artifact is absent, which is no deletion."""

from __future__ import annotations

from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.sync.outcomes import Outcome
from cpv_hooks.sync.placement import take_away
from cpv_hooks.sync.sync_policy import SyncPolicy
from cpv_hooks.sync.unsaved import note_unsaved
from cpv_hooks.worktree.artifact import Artifact
from cpv_hooks.worktree.base_index import BaseEntry
from cpv_hooks.worktree.workspace import Workspace


def went_with_a_version(policy: SyncPolicy, space: Workspace, pointer: Pointer) -> Outcome | None:
    """What becomes of an artifact whose content is missing, where that was a retired version's; else None.

    What stands there is another version's, and is made safe and taken away: only an policy that may fetch knows that
    nobody has the data. The base says then that pointer and artifact agree, so that nobody is told again.
    """
    artifact = Artifact.at(space, pointer.path)
    known = artifact.status is None and artifact.entry is not None and artifact.entry.named == pointer.named
    from cpv_hooks.project import retired

    found = retired.retirement_of(space.project.repo, [pointer])
    if found is None:
        return None
    if not policy.fetch:
        lacks = CPVError(f"{found}; the cache lacks its data", where=pointer.path, fix="dvc cpv sync")
        return Outcome(pointer.path, "absent", pointer) if known else Outcome(pointer.path, "missing", pointer, lacks)
    try:
        if artifact.status is not None:
            if not artifact.same:
                return None
            note_unsaved(artifact, pointer.file, policy.name)
            take_away(artifact)
    except (CPVError, OSError):
        return None
    space.index.set(pointer.path, BaseEntry(pointer.oid or "", pointer.isexec, legacy=pointer.legacy))
    return Outcome(pointer.path, "gone", pointer, found.error(pointer.path))
