"""Bringing a rescued content back into the work tree."""

from __future__ import annotations

from pathlib import Path

from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.recovery.guarded_sync import guarded_sync
from cpv_hooks.sync.events import SYNC
from cpv_hooks.system.signatures import Clock
from cpv_hooks.worktree.base_index import Index
from cpv_hooks.worktree.discovery import owner
from cpv_hooks.worktree.materialise import needed
from cpv_hooks.worktree.placer import Placer
from cpv_hooks.worktree.rescue_list import Rescue, rescues
from cpv_hooks.worktree.workspace import Workspace


def restore(repo: Repo, number: int, output: str | None = None) -> Path:
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
    if output and target.exists():
        raise CPVError("exists already", where=str(target), fix="name another --output")
    if not output:
        # What stands there now goes into the cache and its pointer, like any unsaved change.
        guarded_sync(repo, SYNC)
    _place(Workspace(project, Index.load(repo.state), Clock(repo.state / "clock")), rescue, target)
    if not output:
        guarded_sync(repo, SYNC)
    return target


def _place(space: Workspace, rescue: Rescue, target: Path) -> None:
    pointer = Pointer(file="", path=rescue.path, oid=rescue.oid, isexec=rescue.isexec)
    wanted = needed(pointer, space.cache)
    lost = next((oid for _, oid in wanted if not space.cache.has(oid)), None)
    if lost:
        what = f"the cache lost object {lost}"
        raise CPVError(what, where=f"rescue {rescue.number}", fix="look for a copy in other clones")
    if pointer.isdir and target.is_dir():
        for name in set(space.listing(rescue.path).names) - {name for name, _ in wanted}:
            (target / name).unlink()
    with Placer(space) as placer:
        for name, oid in wanted:
            placer.place(oid, target / name if name else target, isexec=rescue.isexec, root=target if name else None)
