"""What stands in the work tree, artifact by artifact, found by reading alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cpv_hooks import state_files
from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.conflict_markers import conflict_command
from cpv_hooks.dvcformat.pointer import Content, Pointer
from cpv_hooks.errors import CPVError, disk_errors, file_word
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.operations.make import new_content
from cpv_hooks.operations.make.commit_draft import PointerChange
from cpv_hooks.operations.make.new_content import NewContent
from cpv_hooks.project.project import Project
from cpv_hooks.system.signatures import Clock
from cpv_hooks.worktree.artifact import Artifact
from cpv_hooks.worktree.base_index import Index
from cpv_hooks.worktree.current_content import by_dvc_2
from cpv_hooks.worktree.discovery import discover
from cpv_hooks.worktree.legacy_snapshot import look_as
from cpv_hooks.worktree.spread import Spread
from cpv_hooks.worktree.workspace import Workspace


class Tracked(NamedTuple):
    """An artifact with the pointer that the work tree has of it (no content: it is new)."""

    space: Workspace
    pointer: Pointer


def tracked_artifacts(
    project: Project, spread: Spread | None = None, leaving_git: Collection[str] = ()
) -> list[Tracked]:
    """The artifacts of a DVC root: those with a pointer, and those that `.cpv.toml` names and that are there.

    Raises `CPVError` for a pointer that is broken or in conflict, and for an artifact that Git tracks, unless it is one
    of `leaving_git`.
    """
    repo = project.repo
    index, clock = Index.load(repo.state), Clock(repo.state / state_files.CLOCK)
    found = discover(repo, [project], index, clock)
    if found.unmerged:
        file = found.unmerged[0]
        raise CPVError("in conflict", where=file, fix=conflict_command(file))
    errors = [error for error in found.errors if error.where not in leaving_git]
    if errors:
        raise errors[0]
    space = Workspace(project, index, clock)
    space.spread = spread
    return [Tracked(space, pointer) for _, pointer in found.pointers]


def read_content(one: Tracked) -> NewContent | None:
    """The content of an artifact as it stands; None where it is not there. Files as at the base are not read again."""
    artifact = Artifact.at(one.space, one.pointer.path)
    target, status, entry = one.space.target(one.pointer.path), artifact.status, artifact.entry
    if status is None:
        return None
    with disk_errors(target), Progress(f"hashing {one.pointer.path}") as progress:
        old = look_as(artifact, by_dvc_2(one.pointer, entry))
        if old is not None:
            return new_content.named_by_dvc_2(target, old)
        if artifact.isdir:
            return new_content.of_directory(target, artifact.look, progress, one.space.spread)
        known = entry.oid if entry is not None and artifact.same and not entry.legacy else None
        return new_content.file_content(target, status, progress, known)


def unsaved(tracked: Sequence[Tracked], committed: Sequence[Pointer]) -> list[PointerChange]:
    """The artifacts that are not as HEAD has them, `committed` being HEAD's pointers. What is absent is passed over.

    Raises `CPVError` where pointer and artifact disagree and a sync must settle it first.
    """
    at_head = {pointer.path: pointer for pointer in committed}
    found = []
    for one in tracked:
        new = read_content(one)
        if new is None:
            continue
        pointer, old = one.pointer, at_head.get(one.pointer.path)
        if not _same(new.content, pointer):
            _refuse_disagreement(one, new.content)
        if old is None or not _same(new.content, old):
            found.append(PointerChange(one.space, pointer, new, in_place=True))
    return found


def _same(content: Content, pointer: Pointer) -> bool:
    return content.named == pointer.named


def _refuse_disagreement(one: Tracked, content: Content) -> None:
    pointer, base = one.pointer, one.space.index.entries.get(one.pointer.path)
    if not pointer.writable:
        fix = f"dvc update {file_word(pointer.file)}" if pointer.imported else "dvc repro (or dvc commit)"
        raise CPVError("has changed, and its pointer belongs to DVC", where=pointer.path, fix=fix)
    if pointer.oid is not None and base is not None and base.named != pointer.named:
        raise CPVError("does not match its changed pointer", where=pointer.path, fix="dvc cpv sync")
