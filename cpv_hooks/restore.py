"""Bringing a rescued content back into the work tree."""

from __future__ import annotations

from pathlib import Path

from cpv_hooks.artifacts import owner
from cpv_hooks.errors import CPVError
from cpv_hooks.events import SYNC
from cpv_hooks.git import Repo
from cpv_hooks.index import Index
from cpv_hooks.materialise import Placer, needed
from cpv_hooks.pointer import Pointer
from cpv_hooks.project import Project
from cpv_hooks.rescue import rescues
from cpv_hooks.scan import Clock
from cpv_hooks.sync import sync
from cpv_hooks.workspace import Workspace


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
        raise CPVError(
            "no DVC root with a .cpv.toml holds it here", where=rescue.path, fix="git checkout a version that has one"
        )
    target = Path(output).absolute() if output else repo.top / rescue.path
    if output and target.exists():
        raise CPVError("exists already", where=str(target), fix="name another --output")
    if not output:
        # What stands there now goes into the cache and its pointer, like any unsaved change.
        sync(repo, SYNC)
    space = Workspace(project, Index.load(repo.state), Clock(repo.state / "clock"))
    pointer = Pointer(file="", path=rescue.path, oid=rescue.oid, isexec=rescue.isexec)
    placer = Placer(space)
    wanted = needed(pointer, space.cache)
    lost = [oid for _, oid in wanted if not space.cache.has(oid)]
    if lost:
        raise CPVError(
            f"the cache lost object {lost[0]}", where=f"rescue {number}", fix="look for a copy in other clones"
        )
    if pointer.isdir and target.is_dir():
        keep = {name for name, _ in wanted}
        for name in space.listing(rescue.path).names if not output else []:
            if name not in keep:
                (target / name).unlink()
    for name, oid in wanted:
        placer.place(oid, target / name if name else target, isexec=rescue.isexec, root=target if name else None)
    if not output:
        sync(repo, SYNC)
    return target
