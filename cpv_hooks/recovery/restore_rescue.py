"""Bringing a rescued content back into the work tree."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.recovery.guarded_sync import guarded_sync
from cpv_hooks.sync.placement import bring_artifact
from cpv_hooks.sync.sync_policy import SYNC
from cpv_hooks.system.locks import locked
from cpv_hooks.worktree.absent_files import Wanted
from cpv_hooks.worktree.artifact import Artifact
from cpv_hooks.worktree.base_tree import Absent
from cpv_hooks.worktree.current_content import current_content
from cpv_hooks.worktree.discovery import owner
from cpv_hooks.worktree.materialise import lacking_objects, needed_objects
from cpv_hooks.worktree.placer import Placer
from cpv_hooks.worktree.rescue_list import record, rescues
from cpv_hooks.worktree.workspace import Workspace


def restore_rescue(repo: Repo, number: int, output: str | None = None) -> Path:
    """Put rescue `number` back where it was, or at `output`; returns the place.

    In its own place it replaces the artifact, whose content is snapshotted first. `CPVError` for a number that is not
    listed, a place that is taken, or content that is gone from the cache.
    """
    rescue = next((item for item in rescues(repo) if item.number == number), None)
    if rescue is None:
        raise CPVError(f"there is no rescue {number}", where=str(repo.top), fix="dvc cpv rescue list")
    project = owner(Project.find_all(repo), rescue.path)
    if project is None:
        fix = "git checkout a version that has one"
        raise CPVError("no DVC root with a .cpv.toml holds it here", where=rescue.path, fix=fix)
    target = Path(output).absolute() if output else repo.top / rescue.path
    if output and os.path.lexists(target):
        raise CPVError("exists already", where=str(target), fix="name another --output")
    if not output:
        # What stands there now goes into the cache and its pointer, like any unsaved change.
        guarded_sync(repo, SYNC._replace(complete=False))
    pointer = rescue.pointer
    with locked(repo.state / state_files.LOCK, wait=True, say="syncing this work tree"):
        space = Workspace.open(project)
        goal = _wanted(space, pointer, number)
        if output:
            _copy(space, pointer, goal.here, target)
        else:
            _replace(space, pointer, goal)
    if not output:
        guarded_sync(repo, SYNC._replace(complete=False))
    return target


def _wanted(space: Workspace, pointer: Pointer, number: int) -> Wanted:
    """What of it can be brought: where some of the artifact is left out, that may never have been here."""
    wanted, entry = dict(needed_objects(pointer, space.cache)), space.index.entries.get(pointer.path)
    lost = set(lacking_objects(pointer, space.cache, wanted.values()))
    if lost and not (entry is not None and entry.left_out):
        what = f"the cache lost object {min(lost)}"
        raise CPVError(what, where=f"rescue {number}", fix="look for a copy in other clones")
    absent = {name: oid for name, oid in wanted.items() if oid in lost}
    return Wanted({name: oid for name, oid in wanted.items() if oid not in lost}, absent)


def _copy(space: Workspace, pointer: Pointer, wanted: Mapping[str, str], target: Path) -> None:
    """Put the content where nothing is; nothing is there where it fails."""
    try:
        with Placer(space, legacy=pointer.legacy) as placer:
            for name, oid in wanted.items():
                placer.place(oid, target / name, isexec=pointer.isexec, root=target if name else None)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


def _replace(space: Workspace, pointer: Pointer, goal: Wanted) -> None:
    """Put the content in the artifact's place. Its base stays, so that the next sync takes what is new.

    Where this fails half-way, the next sync brings the pointer's content back.
    """
    path, index = pointer.path, space.index
    artifact = Artifact.at(space, path)
    base = artifact.entry
    if artifact.status is not None and not artifact.same:
        # Nobody's snapshot: a stage's output, or what no pointer names.
        taken = current_content(artifact, base)
        record(space.project.repo, path, taken.content, why="rescue restore")
        index.set(path, taken.entry, taken.tree)
        artifact = Artifact.at(space, path)
    bring_artifact(artifact, pointer, goal)
    index.forget(path) if base is None else index.set(path, base)
    tree = index.read_tree(path, base.oid) if base is not None and goal.absent else None
    if base is not None and tree is not None:
        # What is absent now is the rescue's, and so it is what the next sync takes.
        index.write_tree(path, base.oid, tree._replace(absent=Absent(goal.absent, None)))
    index.save()
