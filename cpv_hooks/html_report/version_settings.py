"""The settings of each version: `params.yaml` and `.cpv.toml` as its commit has them."""

from __future__ import annotations

from collections.abc import Sequence

from cpv_hooks.errors import CPVError
from cpv_hooks.git.objects import objects_of
from cpv_hooks.git.repo import Repo
from cpv_hooks.history.settings_changes import FILES, MAX_BYTES, flat_settings
from cpv_hooks.html_report.tables import RowTable, plain
from cpv_hooks.project.project import Project

_MOST_KEYS = 200
"""Settings of one file that are shown."""


class VersionSettings:
    """`pairs` are `[file, key, value]`; `sets` are lists of indices into them, of which `nothing` is the empty
    one."""

    def __init__(self, repo: Repo, projects: Sequence[Project]) -> None:
        self._objects = objects_of(repo)
        self._names = [project.prefix + name for project in projects for name in FILES]
        self._read: dict[tuple[str, str], list[int]] = {}
        self.pairs = RowTable[tuple[str, str, str]]()
        self.sets = RowTable[tuple[int, ...]]()
        self.nothing = self.sets.index((), [])

    def of(self, commit: str) -> int:
        """The set of a commit's settings."""
        found = [index for name in self._names for index in self._file(commit, name)]
        return self.sets.index(tuple(found), found)

    def _file(self, commit: str, name: str) -> list[int]:
        blob = self._objects.read(f"{commit}:{name}", MAX_BYTES)
        if blob is None or blob.kind != "blob" or blob.data is None:
            return []
        key = (name, blob.oid)
        if key not in self._read:
            self._read[key] = [self._pair(name, *item) for item in _values(blob.data, name)]
        return self._read[key]

    def _pair(self, name: str, key: str, value: object) -> int:
        shown = plain(value)
        return self.pairs.index((name, key, repr(shown)), [name, key, shown])


def _values(data: bytes, name: str) -> list[tuple[str, object]]:
    """What cannot be read has no settings; `dvc cpv diff` says why."""
    try:
        return [(str(key), value) for key, value in list(flat_settings(data, name).items())[:_MOST_KEYS]]
    except CPVError:
        return []
