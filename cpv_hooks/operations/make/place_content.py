"""Contents on their way into the cache, and from there to the place of an artifact."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import TypeVar

from cpv_hooks.dvcformat.cache import CopyBeside
from cpv_hooks.dvcformat.pointer import Content, Pointer
from cpv_hooks.errors import disk_errors
from cpv_hooks.operations.make.commit_draft import PointerChange
from cpv_hooks.operations.make.new_content import NewContent, of_path, unreadable
from cpv_hooks.project.pointers_at import pointers_at
from cpv_hooks.project.project import Project
from cpv_hooks.recovery.transaction import Transaction
from cpv_hooks.recovery.undo_artifact import artifact as undo_artifact
from cpv_hooks.system.signatures import Signature
from cpv_hooks.worktree.artifact import Artifact
from cpv_hooks.worktree.current_content import current_content
from cpv_hooks.worktree.known_files import BeingWritten
from cpv_hooks.worktree.materialise import comparable, place_directory, place_file
from cpv_hooks.worktree.removal import remove_artifact, remove_empty_parents
from cpv_hooks.worktree.rescue_list import record
from cpv_hooks.worktree.snapshot import Snapshot, unchanged
from cpv_hooks.worktree.spread import FilePart
from cpv_hooks.worktree.verified_in_cache import keep_in_cache, remember_object
from cpv_hooks.worktree.workspace import Workspace

T = TypeVar("T")


def store_content(space: Workspace, change: PointerChange) -> Snapshot | None:
    """Bring the new content into the cache. Raises `BeingWritten` where it is not what it was when it was planned.

    Of content that stands in its place, what the index is to say of it.
    """
    if change.in_place:
        return _snapshot(space, change)
    take_in_content(space, change.new)
    return None


def _snapshot(space: Workspace, change: PointerChange) -> Snapshot:
    path = change.pointer.path
    taken = current_content(Artifact.at(space, path), change.pointer)
    if taken.content != change.new.content:
        raise BeingWritten(space.target(path))
    return taken


def take_in_content(space: Workspace, new: NewContent) -> None:
    """Bring content that lies elsewhere into the cache. Raises `BeingWritten` where it is not what it was."""
    if new.data is not None:
        space.cache.add_bytes(new.content.oid, new.data)
    if _taken_elsewhere(space, new):
        return
    for name, oid, sig in new.files():
        assert new.path is not None
        source = new.path / name
        held, _ = _unchanged(source, sig, partial(space.cache.add_file, source, space.advance))
        if held != oid:
            raise BeingWritten(source)
    if new.directory is not None:
        space.cache.add_bytes(new.content.oid, new.directory)


def _unchanged(source: Path, sig: Signature, read: Callable[[], T]) -> T:
    try:
        return unchanged(source, sig, read)
    except OSError as error:
        raise unreadable(error, source) from error


def take_in_files(space: Workspace, source: Path, path: str, before: Callable[[Collection[str]], None]) -> NewContent:
    """What a file or a folder would be as the artifact `path`, its files in the cache: each is read once.

    `before` is told of all of them just before they are there. Raises as `new_content.of_path` does.
    """
    taken: list[CopyBeside] = []

    def read(file: str | Path, advance: Callable[[int], None]) -> str:
        one = space.cache.take(file, advance)
        taken.append(one)  # other threads append too
        return one.oid

    try:
        # Whoever writes to a file from now on changes its times.
        space.clock.past(space.clock.now())
        found = of_path(space, source, path, read)
        before({one.oid for one in taken})
        # One that was read in a moment between two writes is found out by the time that the others took.
        for name, _, sig in found.files():
            _unchanged(source / name, sig, lambda: None)
        while taken:
            space.cache.keep(taken[-1])
            remember_object(space.cache, space.index, taken.pop().oid)
        return found
    finally:
        for one in taken:
            space.cache.drop(one)


def _taken_elsewhere(space: Workspace, new: NewContent) -> bool:
    """Whether other machines have brought a folder into the cache."""
    if space.spread is None or new.directory is None or new.path is None:
        return False
    files = list(new.files())
    parts = [FilePart(name, sig) for name, _, sig in files]
    if not space.spread.is_worth(parts):
        return False
    if space.spread.store(new.path, parts) != [oid for _, oid, _ in files]:
        raise BeingWritten(new.path)
    space.cache.add_bytes(new.content.oid, new.directory)
    return True


def place_content(
    transaction: Transaction, space: Workspace, goal: Pointer, committed: Pointer | None, why: str | None
) -> None:
    """Put the content that a pointer names, which the cache holds, in the artifact's place; as one step.

    What stands there now is kept first, and listed for a rescue (`why`, None for not) where HEAD, whose pointer is
    `committed`, does not have it.
    """
    project, path = space.project, goal.path
    standing = Artifact.at(space, path)
    if standing.same and standing.entry and standing.entry.named == goal.named:
        return
    before, current = _held(space, path, goal, committed)
    after = Content(goal.oid or "", goal.size or 0, goal.nfiles, goal.isexec, goal.legacy)
    if before is not None and before.named == after.named:
        return
    if before is not None and why is not None and not _has(committed, before):
        record(project.repo, path, before, why=why)
    undo = undo_artifact(project, path, before, after, space.index.entries.get(path))
    transaction.step(f"place {path}", [undo])
    _put(space, goal, before, current)


def remove_content(transaction: Transaction, space: Workspace, path: str, committed: Pointer | None, why: str) -> None:
    """Take an artifact out of the work tree, likewise."""
    before, current = _held(space, path, committed)
    if before is None:
        return
    if not _has(committed, before):
        record(space.project.repo, path, before, why=why)
    transaction.step(
        f"remove {path}", [undo_artifact(space.project, path, before, None, space.index.entries.get(path))]
    )
    remove_artifact(space.target(path), list(current) if before.nfiles is not None else None)
    remove_empty_parents(space.project.repo.top, path)
    space.index.forget(path)
    space.index.save()


def _has(committed: Pointer | None, content: Content) -> bool:
    return committed is not None and (committed.oid, committed.legacy) == (content.oid, content.legacy)


def _put(space: Workspace, goal: Pointer, before: Content | None, current: dict[str, str]) -> None:
    target = space.target(goal.path)
    with disk_errors(target):
        if before is not None and before.nfiles is not None and not goal.isdir:
            remove_artifact(target, list(current))
        known = comparable(current, same_rule=before is None or before.legacy == goal.legacy)
        placed = place_directory(space, goal, known) if goal.isdir else place_file(space, goal)
    space.index.set(goal.path, placed.entry, placed.tree)
    space.index.save()


def _held(space: Workspace, path: str, *names: Pointer | None) -> tuple[Content | None, dict[str, str]]:
    """What stands in an artifact's place, durably in the cache, with a directory's files: relative path -> hash.

    By DVC 2's hash where one of `names`, or the base, is that.
    """
    artifact = Artifact.at(space, path)
    target = space.target(path)
    if artifact.status is None:
        return None, {}
    taken = current_content(artifact, *names, artifact.entry)
    legacy = taken.content.legacy
    if taken.tree is None:
        keep_in_cache(space, [(taken.content.oid, target)], legacy=legacy)
        return taken.content, {}
    current = taken.tree.contents()
    keep_in_cache(space, [(oid, target / name) for name, oid in current.items()], legacy=legacy)
    keep_in_cache(space, [(taken.content.oid, Path())], legacy=legacy)
    return taken.content, current


def committed_pointer(project: Project, path: str, rev: str) -> Pointer | None:
    """What a commit says of an artifact."""
    return next((pointer for pointer in pointers_at(project, rev) if pointer.path == path), None)
