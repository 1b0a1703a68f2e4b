"""What one rank saved: into the cache, to the remote, and as a list of files for rank 0."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.directory_object import is_oid
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.operations.make import place_content
from cpv_hooks.project.project import Project
from cpv_hooks.runs.run_folder import RunFolder, Saved
from cpv_hooks.runs.saved_places import FOLDER
from cpv_hooks.runs.step_queue import is_uploaded_now
from cpv_hooks.system.atomic_files import make_folder
from cpv_hooks.system.signatures import Clock, Signature
from cpv_hooks.transfer.objects.upload_objects import Delivery
from cpv_hooks.worktree.base_index import Index
from cpv_hooks.worktree.known_files import BeingWritten
from cpv_hooks.worktree.workspace import Workspace

_TRIES, _PAUSE = 3, 0.1  # seconds


class ShardFile(NamedTuple):
    """A file that a rank saved: relative path, md5, size in bytes."""

    relpath: str
    oid: str
    size: int


@dataclass(frozen=True)
class Shard:
    """All files of one rank; `new` are objects that its cache did not have before.

    `hashed` are the signatures of large objects that this process has just hashed.
    """

    rank: int
    files: tuple[ShardFile, ...]
    new: tuple[str, ...] = ()
    hashed: Mapping[str, Signature] = field(default_factory=dict, repr=False)

    def note(self) -> dict[str, object]:
        return {"files": [[one.relpath, one.oid, one.size] for one in self.files], "new": list(self.new)}


def parse_shard(rank: int, says: Mapping[str, Any]) -> Shard:
    """Read a rank's list. Raises `CPVError` for what is none."""
    try:
        files = tuple(ShardFile(str(relpath), str(oid), int(size)) for relpath, oid, size in says["files"])
        new = tuple(map(str, says["new"]))
    except (KeyError, TypeError, ValueError):
        files, new = (), ("",)
    if not all(is_oid(oid) for oid in (*new, *(one.oid for one in files))):
        raise CPVError(
            f"what rank {rank} wrote about its files cannot be read", fix="use the same version of CPV on all ranks"
        )
    return Shard(rank, files, new)


def take_shard(project: Project, folder: RunFolder, saved: Saved, rank: int, brings: Brings | None = None) -> Shard:
    """Hash what a rank saved, into the cache, and note in `brings` what that needs there.

    Raises `CPVError`, with `BeingWritten` where somebody writes to it.
    """
    for _ in range(_TRIES - 1):
        try:
            return _take(project, folder, saved, rank, brings)
        except BeingWritten:
            time.sleep(_PAUSE)
    return _take(project, folder, saved, rank, brings)


def _take(project: Project, folder: RunFolder, saved: Saved, rank: int, brings: Brings | None) -> Shard:
    space = Workspace(project, Index.load(project.repo.state), Clock(folder.path / "clock"))
    new: set[str] = set()

    def note(objects: Collection[str]) -> None:
        new.update(oid for oid in objects if not space.cache.has(oid))
        if brings is not None:
            # Before they are there: what is not noted would stay for ever.
            brings.note(saved.step, {oid: time.time() if oid in new else 0.0 for oid in objects})

    found = place_content.take_in_files(space, saved.files, project.prefix + FOLDER, note)
    files = tuple(ShardFile(name, oid, sig[0]) for name, oid, sig in found.files())
    hashed = {one.oid: space.index.objects[one.oid] for one in files if one.oid in space.index.objects}
    return Shard(rank, files, tuple(sorted(new)), hashed)


def upload_shard(project: Project, shard: Shard) -> bool:
    """Bring a rank's files to the remote, verified; False where `[push] when` says later. Raises `CPVError`."""
    if not is_uploaded_now(project):
        return False
    wanted = {one.oid: Pointer(one.relpath, one.relpath, one.oid, one.size) for one in shard.files}
    with Progress("uploading") as progress:
        missing = Delivery(project, False, progress, hashed=shard.hashed).run(wanted, upload=True).missing
    if missing:
        raise CPVError(f"the cache has lost {missing[0].path}", fix="dvc cpv verify --all")
    return True


class Brings:
    """What a rank's steps need in the cache of a machine that has none of the run's refs, and which of it they brought
    (with the time of it, in seconds since the epoch; 0 for what was there)."""

    def __init__(self, folder: RunFolder, rank: int) -> None:
        self._folder = folder
        self._name = f"shards-{rank}.json"

    def note(self, step: int, objects: Mapping[str, float]) -> None:
        known = self._folder.read(self._name)
        before = {oid: when for oid, when in known.get(str(step), {}).items() if when}
        make_folder(self._folder.path)
        self._folder.write(self._name, {**known, str(step): {**objects, **before}})

    def let_go(self, kept: set[int], done: int) -> dict[str, float]:
        """Forget the steps up to `done` that are not kept; returns what they brought and no other step needs."""
        known: dict[str, dict[str, float]] = self._folder.read(self._name)
        left = {step: objects for step, objects in known.items() if int(step) > done or int(step) in kept}
        if len(left) == len(known):
            return {}
        free: dict[str, float] = {}
        for objects in (objects for step, objects in known.items() if step not in left):
            for oid, when in objects.items():
                holder = next((other for other in left.values() if oid in other), free)
                holder[oid] = max(when, holder.get(oid, 0.0))
        self._folder.write(self._name, left)
        needed = {oid for objects in self._others() for oid in objects}
        return {oid: when for oid, when in free.items() if when and oid not in needed}

    def _others(self) -> Iterator[Mapping[str, float]]:
        """What the steps of other ranks need that share this machine's cache."""
        for path in self._folder.path.glob("shards-*.json"):
            if path.name != self._name:
                yield from self._folder.read(path.name).values()
