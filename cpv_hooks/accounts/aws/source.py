"""Where the bytes of a move come from: DVC's cache first, then the remote that is left."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.console.output import warn
from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.cache import Cache
from cpv_hooks.dvcformat.directory_object import read_dir_object
from cpv_hooks.errors import CPVError
from cpv_hooks.project.project import Project
from cpv_hooks.remote.common.protocol import Blob, CorruptObject, MissingObject, Remote
from cpv_hooks.system.locks import locked
from cpv_hooks.transfer.objects.open import open_remote, seen_on

Listing = list[tuple[str, str]]
FOLDER = "cpv-move"


class MoveSource:
    """The objects of a DVC root in one layout, wherever they are. Nothing is added to the cache.

    What has to come from the old remote passes through `folder`, which is removed again.
    """

    def __init__(self, project: Project, folder: Path, *, legacy: bool = False) -> None:
        self.legacy = legacy
        self._project = project
        self._folder = folder
        self._cache = Cache(project.cache_dir, types=project.cache_types, shared=project.cache_shared, legacy=legacy)
        self._listings: dict[str, Listing | None] = {}

    @cached_property
    def remote(self) -> Remote | None:
        if not self._project.remote_name:
            return None
        # Before a repository with the layout by name is on S3, its objects lie by their hash.
        project = self._project._replace(config=self._project.config._replace(layout="content"))
        return open_remote(project, legacy=self.legacy)

    def sizes(self, oids: Collection[str]) -> dict[str, int | None]:
        """Object id -> size in bytes (None where the old remote does not say), of all that are anywhere."""
        found: dict[str, int | None] = {}
        for oid in oids:
            path = self._cache.find(oid)
            if path is not None:
                found[oid] = path.stat().st_size
        rest = [oid for oid in oids if oid not in found]
        if rest and self.remote is not None:
            found.update((oid, seen.size) for oid, seen in seen_on(self.remote, dict.fromkeys(rest)).items())
        return found

    def listing(self, oid: str) -> Listing | None:
        """What a directory object lists; None where nobody has a good one."""
        if oid not in self._listings:
            self._listings[oid] = self._read(oid)
        return self._listings[oid]

    def _read(self, oid: str) -> Listing | None:
        for place in self.places:
            with place(oid) as blob:
                try:
                    if blob is not None:
                        return read_dir_object(blob.path, oid, legacy=self.legacy)
                except CPVError:
                    continue  # damaged here; it may be good in the next place
        return None

    @property
    def places(self) -> tuple[Callable[[str], AbstractContextManager[Blob | None]], ...]:
        """Where to look for an object, best first: each gives its file for as long as a block lasts, or None."""
        return (self._cached, self._brought)

    @contextmanager
    def _cached(self, oid: str) -> Iterator[Blob | None]:
        path = self._cache.find(oid)
        yield Blob(oid, path, path.stat().st_size) if path is not None else None

    @contextmanager
    def _brought(self, oid: str) -> Iterator[Blob | None]:
        path = self._folder / oid
        try:
            yield Blob(oid, path, path.stat().st_size) if self._bring(oid, path) else None
        finally:
            path.unlink(missing_ok=True)

    def _bring(self, oid: str, path: Path) -> bool:
        if self.remote is None:
            return False
        try:
            self.remote.download(oid, path, Progress("reading"))
        except MissingObject:
            return False
        except CorruptObject as error:
            warn(str(error))
            return False
        return True


@contextmanager
def room(project: Project) -> Iterator[Path]:
    """A folder on the cache's file system for what passes through, for one process at a time.

    What a killed one left there is removed. The cache may be shared, so the folder's name is the repository's own.
    """
    name = hashlib.md5(str(project.root).encode(), usedforsecurity=False).hexdigest()[:12]
    folder = project.cache_dir / f"{FOLDER}-{name}"
    with locked(project.repo.shared / state_files.MOVE_LOCK, wait=True, say="moving the data"):
        shutil.rmtree(folder, ignore_errors=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
