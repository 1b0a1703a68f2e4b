"""Which files directory objects need, read from wherever a good copy is; nothing is brought into the cache."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.cache import Cache
from cpv_hooks.dvcformat.directory_object import has_dir_hash
from cpv_hooks.project.project import Project
from cpv_hooks.remote.common.protocol import CorruptObject, MissingObject, Remote
from cpv_hooks.transfer.objects.store import Store
from cpv_hooks.upkeep.prune.mentions import ids_in


class Listings:
    """The directory objects of some DVC roots; each is fetched once."""

    def __init__(self, projects: Sequence[Project], remotes: Iterable[str] = ()) -> None:
        """`remotes` are those that outputs name besides the default one."""
        self._projects = projects
        self._names = list(remotes)
        self._fetched: dict[str, set[str] | None] = {}

    def files(self, oid: str, *, fetch: bool) -> set[str] | None:
        """The ids that a directory object lists; None where nobody has a good copy.

        With `fetch` the remotes are asked too: raises `RemoteError` where one does not answer.
        """
        found = _listed_in(self._places(oid), oid)
        if found is None and fetch:
            if oid not in self._fetched:
                self._fetched[oid] = self._fetch(oid)
            return self._fetched[oid]
        return found

    def _places(self, oid: str) -> Iterator[Path]:
        for project in self._projects:
            for legacy in (False, True):
                yield Cache(project.cache_dir, legacy=legacy).path(oid)

    def _fetch(self, oid: str) -> set[str] | None:
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
            for name in dict.fromkeys([project.remote_name, *self._names]):
                if name in project.remotes:
                    yield Store(project.at(name)).remote
                    yield Store(project.at(name), legacy=True).remote


def _listed_in(places: Iterable[Path], oid: str) -> set[str] | None:
    for path in places:
        try:
            data = path.read_bytes()
        except OSError:
            continue
        if has_dir_hash(data, oid, legacy=True):
            return ids_in(data)
    return None
