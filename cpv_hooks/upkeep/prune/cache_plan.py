"""What may leave the caches."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from cpv_hooks.console.times import DAY
from cpv_hooks.errors import CPVError, disk_errors
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.remote.common.inventory import object_files, temporary_files
from cpv_hooks.transfer.objects.open import seen_on
from cpv_hooks.transfer.objects.store import Store
from cpv_hooks.upkeep.prune.needed_objects import Needed
from cpv_hooks.upkeep.prune.prune_plan import FRESH, CachePart, Doomed, PruneOptions
from cpv_hooks.upkeep.prune.uncommitted_content import work_trees
from cpv_hooks.worktree.workspace import staging_folder


def check_owner(repo: Repo, projects: Sequence[Project], options: PruneOptions) -> None:
    """Refuse a cache that other repositories may use, unless the user vouches for it.

    A cache is this repository's own where it lies in one of its work trees or its Git directory, and is not shared by
    a group.
    """
    homes = [tree.top.resolve() for tree in work_trees(repo)] + [repo.common_dir.resolve()]
    for project in projects:
        own = any(project.cache_dir.is_relative_to(home) for home in homes) and not project.cache_shared
        if not own and not options.force:
            raise CPVError(
                "other repositories may use this cache, and what they need is not known here",
                where=str(project.cache_dir),
                fix="dvc cpv prune --force, if only this repository uses it",
            )


def plan_caches(projects: Sequence[Project], needed: Needed, options: PruneOptions) -> list[CachePart]:
    """What would go from the cache of each DVC root. Raises `CPVError` where what is needed is not known."""
    groups: dict[Path, list[Project]] = {}
    for project in projects:
        groups.setdefault(project.cache_dir, []).append(project)
    return [_Cache(folder, users, needed, options).part() for folder, users in groups.items()]


class _Cache:
    def __init__(self, folder: Path, projects: Sequence[Project], needed: Needed, options: PruneOptions) -> None:
        self._folder = folder
        self._projects = projects
        self._needed = needed
        self._options = options
        self._fresh = time.time() - min(FRESH, options.grace)

    def part(self) -> CachePart:
        with disk_errors(self._folder):
            current = {
                oid: _doomed(oid, path, status) for oid, path, status in object_files(self._folder / "files/md5")
            }
            old = [_doomed(oid, path, status) for oid, path, status in object_files(self._folder)]
            leftovers = [item for folder in self._staging() for item in temporary_files(folder, time.time() - DAY)]
        doomed = self._unneeded([*current.values(), *old])
        if self._options.thins:
            gone = {item.oid for item in doomed}
            doomed += self._on_remote({oid: item for oid, item in current.items() if oid not in gone})
        sizes = sum(size for _, size in leftovers)
        return CachePart(self._folder, tuple(doomed), tuple(path for path, _ in leftovers), sizes)

    def _staging(self) -> list[Path]:
        """Where CPV writes temporary files of objects and artifacts."""
        folders = (staging_folder(project.root) for project in self._projects)
        return [self._folder / "cpv", *filter(None, folders)]

    def _unneeded(self, present: Iterable[Doomed]) -> list[Doomed]:
        aged = [item for item in present if item.modified < self._fresh]
        plain = self._needed.plainly()
        # The remote is asked which files directories need only where there is something that could go.
        if not any(item.oid not in plain for item in aged):
            return []
        needed = self._needed.everything()
        return [item for item in aged if item.oid not in needed]

    def _on_remote(self, present: Mapping[str, Doomed]) -> list[Doomed]:
        """What no kept version needs, and every remote that serves this cache is seen to have."""
        here = self._needed.here()
        wanted = {oid: item for oid, item in present.items() if oid not in here and item.modified < self._fresh}
        places = self._needed.places()
        named = set[str]().union(*(oids for remote, oids in places.items() if remote is not None))
        for project in self._projects:
            # What no output names a remote for belongs on the default one.
            default = {oid for oid in wanted if oid not in named or oid in places[None]}
            for remote, oids in {**places, None: default}.items():
                mine = {oid: item for oid, item in wanted.items() if oid in oids}
                seen = _seen_on(project, remote, mine)
                wanted = {oid: item for oid, item in wanted.items() if oid not in mine or oid in seen}
        return [
            Doomed(item.oid, item.size, item.modified, "an older version, on the remote", item.file)
            for item in wanted.values()
        ]


def _seen_on(project: Project, name: str | None, wanted: Mapping[str, Doomed]) -> dict[str, Doomed]:
    """Those objects that a remote has now, whole as far as it can tell; none on one that is not configured."""
    if not wanted or (name is not None and name not in project.remotes):
        return {}
    seen = seen_on(Store(project.at(name)).remote, {oid: item.size for oid, item in wanted.items()})
    return {
        oid: item
        for oid, item in wanted.items()
        if oid in seen and seen[oid].size == item.size and seen[oid].md5 in (None, oid[:32])
    }


def _doomed(oid: str, path: Path, status: os.stat_result) -> Doomed:
    return Doomed(oid, status.st_size, status.st_mtime, "nothing needs it", path)
