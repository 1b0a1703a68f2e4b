"""What stands in the work tree, artifact by artifact, found by reading alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.cache import md5_of
from cpv_hooks.dvcformat.pointer import Content, Pointer, settle
from cpv_hooks.errors import CPVError, disk_error, shell_path
from cpv_hooks.operations.make import new_content
from cpv_hooks.operations.make.new_content import Prospect
from cpv_hooks.project.project import Project
from cpv_hooks.system.signatures import Clock, signature
from cpv_hooks.worktree.artifact import Artifact, by_dvc_2
from cpv_hooks.worktree.base_index import Index
from cpv_hooks.worktree.discovery import discover
from cpv_hooks.worktree.legacy_snapshot import look_as
from cpv_hooks.worktree.snapshot import BeingWritten
from cpv_hooks.worktree.workspace import Workspace


@dataclass(frozen=True)
class Tracked:
    """An artifact with the pointer that the work tree has of it (no content: it is new)."""

    space: Workspace
    pointer: Pointer


def tracked(project: Project) -> list[Tracked]:
    """The artifacts of a DVC root: those with a pointer, and those that `.cpv.toml` names and that are there.

    Raises `CPVError` for a pointer that is broken or in conflict.
    """
    repo = project.repo
    index, clock = Index.load(repo.state), Clock(repo.state / state_files.CLOCK)
    found = discover(repo, [project], index, clock)
    if found.unmerged:
        file = found.unmerged[0]
        raise CPVError(
            "in conflict",
            where=file,
            fix=settle(file),
        )
    if found.errors:
        raise found.errors[0]
    space = Workspace(project, index, clock)
    return [Tracked(space, pointer) for _, pointer in found.pointers]


def read(one: Tracked) -> Prospect | None:
    """The content of an artifact as it stands; None where it is not there. Files as at the base are not read again."""
    artifact = Artifact.at(one.space, one.pointer.path)
    target = one.space.target(one.pointer.path)
    if artifact.status is None:
        return None
    try:
        with Progress(f"hashing {one.pointer.path}") as progress:
            old = look_as(artifact, by_dvc_2(one.pointer, artifact.entry))
            if old is not None:
                return new_content.named_by_dvc_2(target, artifact.status, old)
            return _folder(artifact, target, progress) if artifact.isdir else _file(artifact, target, progress)
    except OSError as error:
        raise disk_error(error, target) from error


def _file(artifact: Artifact, target: Path, progress: Progress) -> Prospect:
    status = artifact.status
    assert status is not None
    if artifact.same and artifact.entry is not None and not artifact.entry.legacy:
        oid = artifact.entry.oid
    else:
        progress.grow(status.st_size)
        oid = md5_of(target, progress.advance)
        if signature(target.stat()) != signature(status):
            raise BeingWritten(target)
    return new_content.file(target, status, oid)


def _folder(artifact: Artifact, target: Path, progress: Progress) -> Prospect:
    listing = artifact.listing
    known = artifact.look.known
    progress.grow(sum(listing.signature(at)[0] for at, oid in enumerate(known) if oid is None))
    oids = []
    for at, (name, oid) in enumerate(zip(listing.names, known, strict=True)):
        found = oid or md5_of(target / name, progress.advance)
        if oid is None and signature((target / name).stat()) != listing.signature(at):
            raise BeingWritten(target / name)
        oids.append(found)
    return new_content.folder(target, listing, oids)


@dataclass(frozen=True)
class Unsaved:
    """An artifact whose content differs from what the commit at HEAD says. `text_only`: its pointer says it already."""

    tracked: Tracked
    found: Prospect
    text_only: bool


def unsaved(tracked: Sequence[Tracked], committed: Sequence[Pointer]) -> list[Unsaved]:
    """The artifacts that are not as HEAD has them, `committed` being HEAD's pointers. What is absent is passed over.

    Raises `CPVError` where pointer and artifact disagree and a sync must settle it first.
    """
    at_head = {pointer.path: pointer for pointer in committed}
    found = []
    for one in tracked:
        content = read(one)
        if content is None:
            continue
        pointer, old = one.pointer, at_head.get(one.pointer.path)
        is_as_pointer = _same(content.content, pointer)
        if not is_as_pointer:
            _refuse_disagreement(one, content.content)
        if old is None or not _same(content.content, old):
            found.append(Unsaved(one, content, is_as_pointer))
    return found


def _same(content: Content, pointer: Pointer) -> bool:
    return content.named == pointer.named


def _refuse_disagreement(one: Tracked, content: Content) -> None:
    pointer, base = one.pointer, one.space.index.entries.get(one.pointer.path)
    if not pointer.writable:
        fix = f"dvc update {shell_path(pointer.file)}" if pointer.imported else "dvc repro (or dvc commit)"
        raise CPVError("has changed, and its pointer belongs to DVC", where=pointer.path, fix=fix)
    if pointer.oid is not None and base is not None and base.named != pointer.named:
        raise CPVError("does not match its changed pointer", where=pointer.path, fix="dvc cpv sync")
