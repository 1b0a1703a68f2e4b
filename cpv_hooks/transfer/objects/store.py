"""DVC's cache and its remote side by side, in one of the two layouts that they share."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.cache import Cache
from cpv_hooks.dvcformat.directory_object import dir_oid, entries_since, is_dir_oid, read_dir_object
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError, disk_error
from cpv_hooks.project.expected import project_for
from cpv_hooks.project.project import Project
from cpv_hooks.system.signatures import Signature, signature
from cpv_hooks.worktree.base_index import Index
from cpv_hooks.worktree.verified_in_cache import LARGE_OBJECT

if TYPE_CHECKING:
    from cpv_hooks.remote.common.protocol import Blob, Remote

Listing = list[tuple[str, str]]
_COARSE = 5.0
"""Seconds by which a file's time may be off."""
NOT_HASHED: Mapping[str, Signature] = {}
KNOWN_SECONDS = 3600.0
"""For so long a disk is trusted with what was just hashed."""


class Stores:
    """The stores of a DVC root, one for each remote that outputs belong on and each layout."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known: dict[tuple[str | None, bool], Store] = {}

    def of(self, pointer: Pointer) -> Store:
        """Where the objects of a pointer are; its `remote` raises `CPVError` where that is not configured."""
        key = (self._project.remote_name_of(pointer), pointer.legacy)
        if key not in self._known:
            self._known[key] = Store(self._project, legacy=pointer.legacy, of=pointer)
        return self._known[key]


class Store:
    """The objects of a DVC root, with the remote that the project has at hand, or that a pointer belongs on.

    `legacy` is the layout and the hash of DVC 2. `hashed` are the signatures of large objects that who asks has just
    hashed.
    """

    def __init__(
        self,
        project: Project,
        *,
        legacy: bool = False,
        of: Pointer | None = None,
        hashed: Mapping[str, Signature] = NOT_HASHED,
    ) -> None:
        self._hashed = hashed
        self.legacy = legacy
        self._of = of
        self._project = project
        self._cache = Cache(project.cache_dir, types=project.cache_types, shared=project.cache_shared, legacy=legacy)

    @cached_property
    def remote(self) -> Remote:
        """The remote; opened when it is first needed."""
        from cpv_hooks.transfer.objects.open import open_remote

        return open_remote(project_for(self._project, self._of) if self._of else self._project, legacy=self.legacy)

    @property
    def has_remote(self) -> bool:
        return bool((self._of and self._of.remote) or self._project.remote_name)

    def blob(self, oid: str) -> Blob | None:
        """An object of the cache, or None where the cache lacks it."""
        from cpv_hooks.remote.common.protocol import Blob

        path = self._cache.find(oid)
        if path is None:
            return None
        status = path.stat()
        return Blob(oid, path, status.st_size, known=status.st_size >= LARGE_OBJECT and self._is_known(oid, status))

    def _is_known(self, oid: str, status: os.stat_result) -> bool:
        """Whether a large object was hashed here, or by who asks, since it was last touched, which is not long ago."""
        is_fresh = time.time() - status.st_ctime < KNOWN_SECONDS
        return is_fresh and signature(status) in (self._hashed.get(oid), self._index.objects.get(oid))

    @cached_property
    def _index(self) -> Index:
        return Index.load(self._project.repo.state)

    def listing(self, oid: str, progress: Progress) -> Listing | None:
        """What a directory object lists, from the cache, else from the remote; None where neither has it.

        A damaged copy in the cache is replaced from the remote where that has a good one.
        """
        path = self._cache.find(oid)
        if path is None:
            return self._fetched_listing(oid, progress)
        try:
            return self.read_listing(path, oid)
        except CPVError:
            found = self._fetched_listing(oid, progress)
            if found is None:
                raise
            return found

    def additions(self, oid: str, base: str) -> Listing | None:
        """What a directory object lists and an older one does not; None where the cache has not both, whole."""
        paths = [self._cache.find(name) for name in (oid, base)]
        if self.legacy or None in paths:
            return None
        data, old = (path.read_bytes() for path in paths if path is not None)
        if dir_oid(data) != oid or dir_oid(old) != base:
            return None
        return entries_since(data, old, oid)

    def _fetched_listing(self, oid: str, progress: Progress) -> Listing | None:
        from cpv_hooks.remote.common.protocol import MissingObject

        try:
            self.fetch(oid, progress)
        except MissingObject:
            return None
        path = self._cache.find(oid)
        return self.read_listing(path, oid) if path is not None else None

    def read_listing(self, path: Path, oid: str) -> Listing:
        """Read a directory object's file."""
        return read_dir_object(path, oid, legacy=self.legacy)

    def cached_listing(self, oid: str) -> Listing | None:
        """What the cache's copy of a directory object lists; None where it has none, or a damaged one."""
        path = self._cache.find(oid)
        try:
            return self.read_listing(path, oid) if path is not None else None
        except (CPVError, OSError):
            return None

    def remote_listing(self, oid: str) -> Listing | None:
        """What the remote's copy lists, of which nothing is kept; None where the remote has none."""
        from tempfile import TemporaryDirectory

        from cpv_hooks.remote.common.protocol import MissingObject

        with TemporaryDirectory(prefix="cpv-") as folder:
            path = Path(folder, "listing")
            try:
                self.remote.download(oid, path, Progress("reading"))
            except MissingObject:
                return None
            return self.read_listing(path, oid)

    def serves(self, oid: str) -> bool:
        """Whether the cache has an object; of a directory one that can be read."""
        return self.cached_listing(oid) is not None if is_dir_oid(oid) else not self.lacks(oid)

    def fetch(self, oid: str, progress: Progress) -> None:
        """Bring an object from the remote into the cache, replacing what is there.

        Raises `MissingObject`, `CorruptObject`; a directory object must also be one that can be used (`CPVError`).
        """
        temporary = self._cache.temporary()
        try:
            self.remote.download(oid, temporary, progress)
            if is_dir_oid(oid):
                self.read_listing(temporary, oid)
            self._cache.adopt(temporary, oid)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def discard(self, oid: str, since: float) -> None:
        """Remove an object from the cache that was there at `since` (seconds since the epoch), unless somebody has
        brought it again."""
        path = self._cache.path(oid)
        try:
            if path.stat().st_mtime < since + _COARSE:
                path.unlink()
        except FileNotFoundError:
            pass
        except OSError as error:
            raise disk_error(error, path) from error

    def lacks(self, oid: str) -> bool:
        """Whether the cache has no such object."""
        return self._cache.find(oid) is None
