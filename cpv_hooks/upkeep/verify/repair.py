"""Mending what `verify` found, from whatever copy is good.

The cache first, from the remote (hashed on the way) or from the work tree; then the remote from the cache. Files go
before the directory objects that promise them. A bad copy of which there is no good one is left as it is, and named.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.cache import Cache
from cpv_hooks.dvcformat.directory_object import dir_object_bytes, dir_oid, is_dir_oid
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.remote.common.protocol import CorruptObject, MissingObject, RemoteError
from cpv_hooks.transfer.objects.store import Store
from cpv_hooks.transfer.objects.upload_queue import Queue
from cpv_hooks.upkeep.verify.checked import BAD, Checked, VerifyReport
from cpv_hooks.upkeep.verify.needs import Kept
from cpv_hooks.upkeep.verify.verify import verify
from cpv_hooks.worktree.base_index import Index

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


NO_COPY = "no good copy is left here or on the remote"
FILES_LACK = "some of its files are not on the remote"


def mend(
    project: Project,
    commits: Mapping[str, Sequence[str]],
    progress: Progress,
    *,
    deep: bool = False,
    kept: Mapping[str, Kept] | None = None,
) -> VerifyReport:
    """Verify all that these commits (commit -> names) need, and repair it; `kept` is as in `verify`."""
    report = verify(project, commits, progress, deep=deep, kept=kept)
    repair(project, report, progress)
    if not any(item.oid in report.unlisted for item in report.checks if item.mended):
        return report
    # What a directory lists was not known before it was mended itself.
    first = {(item.place, item.oid): item for item in report.checks}
    report = verify(project, commits, progress, deep=deep, kept=kept)
    repair(project, report, progress)
    for item in report.checks:
        known = first.get((item.place, item.oid))
        item.mended = {**known.mended, **item.mended} if known else item.mended
    return report


def repair(project: Project, report: VerifyReport, progress: Progress) -> None:
    """Mend what can be mended; the report's objects say what was done. A remote that fails is a line in `trouble`."""
    report.repaired = True
    for place in dict.fromkeys(item.place for item in report.wrong):
        remote, legacy = place
        items = [item for item in report.wrong if item.place == place]
        _Repair(project.at(remote), report, progress, legacy).mend(items)


class _Repair:
    def __init__(self, project: Project, report: VerifyReport, progress: Progress, legacy: bool) -> None:
        self._project = project
        self._report = report
        self._progress = progress
        self._store = Store(project, legacy=legacy)
        self._cache = Cache(project.cache_dir, types=project.cache_types, shared=project.cache_shared, legacy=legacy)

    def mend(self, items: list[Checked]) -> None:
        files = [item for item in items if not is_dir_oid(item.oid)]
        folders = [item for item in items if is_dir_oid(item.oid)]
        try:
            for group in (files, folders):
                for item in group:
                    self._mend_cache(item)
                self._mend_remote([item for item in group if item.remote in BAD])
        except CPVError as error:
            if str(error) not in self._report.trouble:
                self._report.trouble.append(str(error))

    def _mend_cache(self, item: Checked) -> None:
        needed = item.cache in BAD or (item.cache == "absent" and item.remote in BAD)
        if needed and not (self._fetched(item) or self._saved(item)):
            item.hopeless = NO_COPY

    def _fetched(self, item: Checked) -> bool:
        if item.remote != "ok":
            return False
        try:
            self._store.fetch(item.oid, self._progress)
        except MissingObject:
            item.remote = "missing"
            return False
        except CorruptObject:
            item.remote = "corrupt"
            return False
        self._mended_cache(item, "the remote")
        return True

    def _saved(self, item: Checked) -> bool:
        paths = self._report.files(item)
        if not save_from_work_tree(self._project.repo, self._cache, item.oid, paths):
            return False
        self._mended_cache(item, "the work tree")
        return True

    def _mended_cache(self, item: Checked, source: str) -> None:
        item.mended["cache"] = f"{item.cache}, repaired from {source}"
        item.cache = "ok"

    def _mend_remote(self, items: list[Checked]) -> None:
        blobs = {item.oid: blob for item in items if item.cache == "ok" and (blob := self._store.blob(item.oid))}
        for item in items:
            if item.oid in blobs and not self._promised(item):
                del blobs[item.oid]
                item.hopeless = FILES_LACK
        if not blobs:
            return
        by_oid = {item.oid: item for item in items}
        try:
            self._store.remote.upload(list(blobs.values()), self._progress, lambda blob: self._sent(by_oid[blob.oid]))
        finally:
            sent = {oid: blobs[oid].size for oid in blobs if by_oid[oid].remote == "ok"}
            Queue.of(self._project.repo).record(
                self._store.remote.url, {oid: size for oid, size in sent.items() if not is_dir_oid(oid)}
            )

    @staticmethod
    def _sent(item: Checked) -> None:
        item.mended["remote"] = f"{item.remote}, repaired from the cache"
        item.remote = "ok"

    def _promised(self, item: Checked) -> bool:
        """Whether the remote has all files that a directory object promises."""
        if not is_dir_oid(item.oid):
            return True
        listing = self._store.cached_listing(item.oid)
        if listing is None:
            return False
        states = {check.oid: check.remote for check in self._report.checks if check.place == item.place}
        unknown = [oid for _, oid in listing if oid not in states]
        if any(states.get(oid, "ok") in BAD for _, oid in listing):
            return False
        try:
            return not self._store.remote.missing(unknown)
        except RemoteError:
            return False


def save_from_work_tree(repo: Repo, cache: Cache, oid: str, paths: Iterable[str]) -> bool:
    """Put an object into the cache from one of these artifacts or files of one, if one still has its bytes.

    `paths` are relative to the top. A directory object is made again of what the artifact's files were when they last
    agreed with it. Raises `CPVError` where the cache cannot be written.
    """
    if is_dir_oid(oid):
        return any(_save_directory_object(repo, cache, oid, path) for path in paths)
    return any(_save_file(cache, oid, repo.top / path) for path in paths)


def _save_file(cache: Cache, oid: str, file: Path) -> bool:
    try:
        return file.is_file() and cache.holds(file, oid) and cache.add_file(file)[0] == oid[:32]
    except OSError:
        return False


def _save_directory_object(repo: Repo, cache: Cache, oid: str, path: str) -> bool:
    tree = Index.load(repo.state).read_tree(path, oid)
    if tree is None:
        return False
    data = dir_object_bytes(tree.whole())
    if dir_oid(data) != oid:
        return False
    cache.add_bytes(oid, data)
    return True
