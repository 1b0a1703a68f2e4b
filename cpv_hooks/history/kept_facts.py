"""What versions are known to say, in a file: a later process need not read the same objects of Git's again.

All of it goes by ids of objects, which never change; so it is right as long as it is whole.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from cpv_hooks import __version__, state_files
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.atomic_files import write_atomic
from cpv_hooks.system.own_files import open_own

_FORMAT = 1
"""To be raised with any change of what is read out of an object, or how it is kept."""
_MOST = 64 << 20
"""Bytes; a history that needs more is read anew each time."""
_USUAL = Pointer("", "", "")
_SAID = 4
"""So many fields of a pointer differ from most: its file, path, hash and size."""
_NO_METRICS: Mapping[str, int | float | str] = {}


class VersionFacts(NamedTuple):
    """What a version's tag and commit say.

    `time` is the tag's own or, where it has none, the commit's; `message` is the first line of the tag's or, where it
    has none, of the commit's. `tree` is the commit's; None where `damage` says why the version cannot be read.
    """

    commit: str
    tree: str | None = None
    author: str = ""
    time: int = 0
    message: str = ""
    metrics: Mapping[str, int | float | str] = _NO_METRICS
    damage: CPVError | None = None


class KeptFacts:
    """Versions by the ids of their tags, and by the trees of their commits the pointers of each DVC root."""

    def __init__(self, repo: Repo | None, tags: Iterable[str]) -> None:
        """Of these tags alone facts are kept; without a repository none are."""
        self._tags = tags
        self._file = repo.shared / state_files.HISTORY if repo else None
        self._versions: dict[str, Sequence[Any]] = {}
        self._trees: dict[str, dict[str, Sequence[Sequence[Any]]]] = {}
        self._new = 0
        if self._file is not None:
            self._load(self._file)

    @property
    def lacking(self) -> int:
        """Of how many versions something is to be read."""
        known = {tag for tag, row in self._versions.items() if row[1] in self._trees}
        return sum(tag not in known for tag in self._tags)

    def version(self, tag: str) -> VersionFacts | None:
        """What is known of a tag's version."""
        row = self._versions.get(tag)
        return VersionFacts(*row) if row else None

    def has(self, tree: str) -> bool:
        return tree in self._trees

    def pointers(self, tree: str, root: str) -> list[Pointer] | None:
        """What is known of a DVC root in a tree."""
        rows = self._trees.get(tree, {}).get(root)
        return None if rows is None else [Pointer(*row) for row in rows]

    def add_version(self, tag: str, facts: VersionFacts) -> None:
        """Keep what can be read of a version."""
        if self._file is not None and facts.damage is None:
            self._versions[tag] = facts[:-1]
            self._new += 1

    def add_pointers(self, tree: str, root: str, pointers: Sequence[Pointer]) -> None:
        """Keep pointers; not those that list all files of a folder, which may be many."""
        if self._file is not None and not any(pointer.stored for pointer in pointers):
            self._trees.setdefault(tree, {})[root] = pointers
            self._new += 1

    def save(self) -> None:
        """Write what is known, once it is so much more than before that this is worth it."""
        if self._file is None or self._new <= len(self._versions) // 10:
            return
        versions = {tag: self._versions[tag] for tag in self._tags if tag in self._versions}
        known = ((row[1], self._trees.get(row[1])) for row in versions.values())
        trees = {tree: {root: list(map(_row, rows)) for root, rows in found.items()} for tree, found in known if found}
        body = json.dumps([versions, trees], separators=(",", ":")).encode()
        self._new = 0
        if len(body) < _MOST:
            with suppress(OSError):  # as in a clone that this user may only read
                write_atomic(self._file, _head(body) + body)

    def _load(self, file: Path) -> None:
        try:
            with open(open_own(file, os.O_RDONLY), "rb") as stream:
                head, body = stream.readline(len(_head(b""))), stream.read(_MOST)
            if head == _head(body):
                self._versions, self._trees = json.loads(body)
        except (OSError, CPVError, ValueError):
            return


def _head(body: bytes) -> bytes:
    """The first line: whose file it is, and a checksum. Fields of another CPV may mean something else."""
    fields = " ".join((*VersionFacts._fields, *Pointer._fields))
    return f"cpv-history {_FORMAT} {__version__} {zlib.crc32(fields.encode()):08x} {zlib.crc32(body):08x}\n".encode()


def _row(pointer: Sequence[Any]) -> Sequence[Any]:
    """The fields of a pointer, without those at the end that are as in most."""
    if pointer[_SAID:] == _USUAL[_SAID:]:
        return pointer[:_SAID]
    row = list(pointer)
    while row[-1] == _USUAL[len(row) - 1]:
        row.pop()
    return row
