"""Artifacts whose pointer Git takes away: they go as tracked files would, and what is nowhere else is kept."""

from __future__ import annotations

from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError, file_word
from cpv_hooks.sync.bring import set_base, set_base_under_way
from cpv_hooks.sync.outcomes import Outcome
from cpv_hooks.sync.placement import is_half_placed, take_away
from cpv_hooks.sync.sync_policy import SyncPolicy
from cpv_hooks.sync.unsaved import note_unsaved
from cpv_hooks.worktree import folder_links
from cpv_hooks.worktree.artifact import Artifact
from cpv_hooks.worktree.base_index import REMOVING, Index
from cpv_hooks.worktree.current_content import current_content
from cpv_hooks.worktree.removal import remove_empty_parents


def save_content(policy: SyncPolicy, index: Index, artifact: Artifact, pointer: Pointer) -> list[Outcome]:
    """Its content into the cache, and on the list of rescues where no commit has it; nothing where it is absent."""
    space, path, entry = artifact.space, artifact.path, artifact.entry
    if artifact.status is None:
        return []
    if not artifact.same or entry is None:
        taken = current_content(artifact, pointer, entry)
        set_base(index, path, taken)
        artifact = Artifact.at(space, path)
    rescue = note_unsaved(artifact, pointer.file, policy.name)
    # The pointer comes back without a base, and so brings its artifact.
    index.forget(path)
    if rescue is None:
        return []
    what = f"leaves the work tree with unsaved content, which is kept as rescue {rescue.number}"
    error = CPVError(what, where=path, fix=f"dvc cpv rescue restore {rescue.number}")
    return [Outcome(path, "rescued", pointer, error)]


def follow_removal(policy: SyncPolicy, index: Index, artifact: Artifact) -> Outcome:
    """The artifact goes after its pointer; changed content stays."""
    space, path, entry = artifact.space, artifact.path, artifact.entry
    if artifact.status is None or entry is None:
        if entry is not None and entry.placing == REMOVING:
            remove_empty_parents(space.project.repo.top, path)
        return Outcome(path, "removed")
    if entry.placing is not None:
        if artifact.isdir:
            folder_links.set_links_aside(space, path)
        taken = current_content(artifact)
        if is_half_placed(artifact, taken, entry.placing):
            set_base_under_way(index, path, taken, entry)
            artifact = Artifact.at(space, path)
    if not artifact.same:
        what = "is no longer tracked here and has unsaved content, so it stays"
        return Outcome(path, "clean", error=CPVError(what, where=path, fix=f"mv {file_word(path)} to another place"))
    note_unsaved(artifact, f"{path}.dvc", policy.name)
    take_away(artifact)
    remove_empty_parents(space.project.repo.top, path)
    return Outcome(path, "removed")
