"""One step of what all ranks saved: checked, put together as DVC would have it, and committed."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence

from cpv_hooks.dvcformat.directory_object import dir_object_bytes, dir_oid
from cpv_hooks.dvcformat.pointer import Content
from cpv_hooks.errors import CPVError
from cpv_hooks.operations.make.new_content import NewContent
from cpv_hooks.project.project import Project
from cpv_hooks.ranks.shard import Shard, ShardFile
from cpv_hooks.runs.run_folder import RunFolder, Saved, bringing
from cpv_hooks.runs.step_record import RunStep
from cpv_hooks.runs.take_in import (
    add_directories,
    artifact_change,
    artifact_places,
    code_of_job,
    note_brought,
    step_of,
    texts_of,
    write_step,
)
from cpv_hooks.system.signatures import Clock
from cpv_hooks.transfer.objects.store import Store
from cpv_hooks.worktree.base_index import BaseEntry, Index
from cpv_hooks.worktree.snapshot import Snapshot
from cpv_hooks.worktree.workspace import Workspace


def gather_step(
    project: Project, folder: RunFolder, saved: Saved, near: Sequence[Shard], far: Sequence[Shard]
) -> RunStep:
    """Commit a step of the files of all ranks, and let its ref name it; `near` are those who share this cache.

    Raises `CPVError` with no ref made: for files that are not where they should be, and for a name that two ranks took.
    """
    with bringing(project.repo):
        return _take_in(project, folder, saved, near, far)


def _take_in(project: Project, folder: RunFolder, saved: Saved, near: Sequence[Shard], far: Sequence[Shard]) -> RunStep:
    files = together([*near, *far])
    _demand_cached(project, near)
    _demand_stored(project, far)
    code = code_of_job(project, folder, str(saved.note().get("job")))
    space = Workspace(project, Index.load(project.repo.state), Clock(folder.path / "clock"))
    named = artifact_places(project, folder, _names(files), code)
    changes = [artifact_change(space, path, code, _content(name, files)) for name, path in named.items()]
    note_brought(folder, {oid for shard in (*near, *far) for oid in shard.new})
    add_directories(
        space, changes, lambda objects: note_brought(folder, [oid for oid in objects if not space.cache.has(oid)])
    )
    step = step_of(project, folder, saved, named, code)
    return write_step(project, folder, step, texts_of(project, code, changes))


def together(shards: Sequence[Shard]) -> dict[str, ShardFile]:
    """The files of all ranks by their names. Raises `CPVError` where two ranks took one for different content."""
    found: dict[str, ShardFile] = {}
    owners: dict[str, int] = {}
    folders: dict[str, int] = {}
    for shard in sorted(shards, key=lambda shard: shard.rank):
        for one in shard.files:
            if found.get(one.relpath, one) != one:
                raise _twice(one.relpath, owners[one.relpath], shard.rank)
            if one.relpath in found:
                continue
            found[one.relpath], owners[one.relpath] = one, shard.rank
            folder = posixpath.dirname(one.relpath)
            while folder and folder not in folders:
                folders[folder] = shard.rank
                folder = posixpath.dirname(folder)
    clash = next((name for name in owners if name in folders), None)
    if clash is not None:
        raise _twice(clash, *sorted((owners[clash], folders[clash])))
    return found


def _twice(name: str, one: int, other: int) -> CPVError:
    what = f"ranks {one} and {other} both saved {name}"
    return CPVError(what, fix='let each rank save under a name of its own: folder / f"shard-{rank}.pt"')


def _demand_cached(project: Project, shards: Sequence[Shard]) -> None:
    store = Store(project)
    for shard in shards:
        for one in shard.files:
            blob = store.blob(one.oid)
            if blob is None or blob.size != one.size:
                raise _lacking(shard.rank, one, "the cache")


def _demand_stored(project: Project, shards: Sequence[Shard]) -> None:
    sizes = {one.oid: one.size for shard in shards for one in shard.files}
    lost = Store(project).remote.missing(sorted(sizes), sizes) if sizes else set[str]()
    for shard in shards:
        for one in shard.files:
            if one.oid in lost:
                raise _lacking(shard.rank, one, "the remote")


def _lacking(rank: int, one: ShardFile, where: str) -> CPVError:
    return CPVError(f"{where} lacks {one.relpath} of rank {rank} ({one.oid})", fix="dvc cpv doctor on that machine")


def _names(files: Mapping[str, ShardFile]) -> dict[str, bool]:
    names = sorted({(relpath.partition("/")[0], "/" in relpath) for relpath in files})
    return dict(names)


def _content(name: str, files: Mapping[str, ShardFile]) -> NewContent:
    """The content that is saved under a name; all of it under the empty one."""
    if name in files:
        one = files[name]
        return NewContent(Snapshot(Content(one.oid, one.size), BaseEntry(one.oid)), None)
    start = f"{name}/" if name else ""
    inside = {relpath.removeprefix(start): one for relpath, one in files.items() if relpath.startswith(start)}
    data = dir_object_bytes((relpath, one.oid) for relpath, one in inside.items())
    oid, size = dir_oid(data), sum(one.size for one in inside.values())
    return NewContent(Snapshot(Content(oid, size, nfiles=len(inside)), BaseEntry(oid)), None, directory=data)
