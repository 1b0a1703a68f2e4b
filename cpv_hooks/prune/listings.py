"""Which files directory objects need, read from wherever a good copy is; nothing is brought into the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from cpv_hooks.cache import Cache
from cpv_hooks.output import Progress
from cpv_hooks.prune.mentions import ids_in
from cpv_hooks.remote import CorruptObject, MissingObject
from cpv_hooks.store import Store

if TYPE_CHECKING:
    from cpv_hooks.project import Project
    from cpv_hooks.remote import Remote


class Listings:
    """The directory objects of some DVC roots, each read once."""

    def __init__(self, projects: Sequence[Project]) -> None:
        self._projects = projects
        self._known: dict[str, set[str] | None] = {}

    def files(self, oid: str, *, fetch: bool) -> set[str] | None:
        """The ids that a directory object lists; None where nobody has a good copy.

        With `fetch` the remotes are asked too: raises `RemoteError` where one does not answer.
        """
        if self._known.get(oid) is None:
            self._known[oid] = _listed_in(self._places(oid), oid)
            if self._known[oid] is None and fetch:
                self._known[oid] = self._fetched(oid)
        return self._known[oid]

    def _places(self, oid: str) -> Iterator[Path]:
        for project in self._projects:
            cache = Cache(project.cache_dir)
            yield cache.path(oid)
            yield cache.folder / oid[:2] / oid[2:]

    def _fetched(self, oid: str) -> set[str] | None:
        with TemporaryDirectory(prefix="cpv-") as folder:
            place = Path(folder, "listing")
            for remote in self._remotes():
                try:
                    remote.download(oid, place, Progress("reading"))
                except (MissingObject, CorruptObject):
                    continue
                return ids_in(place.read_bytes())
        return None

    def _remotes(self) -> Iterator[Remote]:
        for project in self._projects:
            if project.remote_name:
                yield Store(project).remote
                yield Store(project, legacy=True).remote


def _listed_in(places: Iterable[Path], oid: str) -> set[str] | None:
    for path in places:
        try:
            data = path.read_bytes()
        except OSError:
            continue
        if hashlib.md5(data, usedforsecurity=False).hexdigest() == oid[:32]:
            return ids_in(data)
    return None
