"""The objects that pointer files mention: in trees of Git's, in indexes, on the disk.

A pointer need not be readable to protect: every hash in it counts, whatever stands around it. Each distinct tree and
each distinct pointer is read once.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from cpv_hooks.dvcformat.directory_object import is_dir_oid
from cpv_hooks.dvcformat.pointer import is_pointer_file, parse
from cpv_hooks.errors import CPVError
from cpv_hooks.git.objects import Entry, Object, entries, objects_of
from cpv_hooks.git.repo import Repo

_OID = re.compile(rb"(?<![0-9a-f])[0-9a-f]{32}(?:\.dir)?(?![0-9a-f])")


@dataclass
class Mentions:
    """Object ids. `promised` are directories whose files must be known; `old` are ids that DVC 2 gave."""

    oids: set[str] = field(default_factory=set)
    promised: set[str] = field(default_factory=set)
    old: set[str] = field(default_factory=set)

    def add(self, other: Mentions) -> None:
        """Take in another's."""
        self.oids |= other.oids
        self.promised |= other.promised
        self.old |= other.old


def ids_in(data: bytes) -> set[str]:
    """Every object id that is written somewhere in these bytes."""
    return {match.decode() for match in _OID.findall(data)}


def in_pointer(data: bytes, name: str) -> Mentions:
    """What a pointer file mentions."""
    found = Mentions(ids_in(data))
    is_lock = posixpath.basename(name) == "dvc.lock"
    if b"hash:" not in data and not is_lock:
        found.old = set(found.oids)
    if is_lock or b"deps:" in data or b"files:" in data:
        _read(data, name, found)
    else:
        found.promised = set(filter(is_dir_oid, found.oids))
    return found


def _read(data: bytes, name: str, found: Mentions) -> None:
    """Read it as DVC does: the hash of a directory may follow from a list, and a dependency promises no files."""
    try:
        pointers = parse(data.decode("utf-8"), name)
    except (CPVError, UnicodeDecodeError):
        return
    for pointer in pointers:
        if pointer.oid is not None:
            found.oids.add(pointer.oid)
            if pointer.isdir and not pointer.imported and not pointer.stored:
                found.promised.add(pointer.oid)


class Reader:
    """Reads pointer files out of Git's object store."""

    def __init__(self, repo: Repo) -> None:
        self._where = str(repo.common_dir)
        self._known: dict[str, Mentions] = {}
        self._objects = objects_of(repo)

    def in_trees(self, trees: Iterable[str]) -> Mentions:
        """What the pointer files below these trees mention. `CPVError` where the clone lacks one."""
        found, waiting = Mentions(), list(trees)
        seen, pointers = set(waiting), set[str]()
        while waiting:
            for item in self._tree(waiting.pop()):
                if item.kind == "tree":
                    if item.oid not in seen:
                        seen.add(item.oid)
                        waiting.append(item.oid)
                elif item.kind == "blob" and is_pointer_file(item.name) and item.oid not in pointers:
                    pointers.add(item.oid)
                    found.add(self.in_blob(item.oid, item.name))
        return found

    def in_blob(self, oid: str, name: str) -> Mentions:
        """What one pointer file mentions."""
        if oid not in self._known:
            blob = self._object(oid)
            self._known[oid] = in_pointer(blob.data or b"", name) if blob.kind == "blob" else Mentions()
        return self._known[oid]

    def _tree(self, oid: str) -> Iterable[Entry]:
        tree = self._object(oid)
        return entries(tree) if tree.kind == "tree" else ()

    def _object(self, oid: str) -> Object:
        found = self._objects.read(oid)
        if found is None:
            what = f"object {oid} is not in this clone, so what is needed is not known"
            raise CPVError(what, where=self._where, fix="git fetch --refetch")
        return found
