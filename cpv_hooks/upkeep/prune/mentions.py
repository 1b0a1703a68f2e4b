"""The objects that pointer files mention: in trees of Git's, in indexes, on the disk.

A pointer need not be readable to protect: every hash in it counts, whatever stands around it. Each distinct tree and
each distinct pointer is read once.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cpv_hooks.dvcformat.directory_object import is_dir_oid
from cpv_hooks.dvcformat.pointer import is_pointer_file, parse_pointers
from cpv_hooks.errors import CPVError
from cpv_hooks.git.libgit2 import reads_of
from cpv_hooks.git.objects import Object, entries, objects_of
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.pointer_reader import PIPELINE

_OID = re.compile(rb"(?<![0-9a-f])[0-9a-f]{32}(?:\.dir)?(?![0-9a-f])")


@dataclass
class Mentions:
    """Object ids. `promised` are directories whose files must be known; `old` are ids that DVC 2 gave.

    `named` are, by the name of a remote, the ids of outputs that name it; `unnamed` those for the default remote.
    """

    oids: set[str] = field(default_factory=set)
    promised: set[str] = field(default_factory=set)
    old: set[str] = field(default_factory=set)
    named: dict[str, set[str]] = field(default_factory=dict)
    unnamed: set[str] = field(default_factory=set)

    def add(self, other: Mentions) -> None:
        self.oids |= other.oids
        self.promised |= other.promised
        self.old |= other.old
        self.unnamed |= other.unnamed
        for remote, oids in other.named.items():
            self.named.setdefault(remote, set()).update(oids)

    def without(self, gone: set[str]) -> Mentions:
        """The same, but for these."""
        named = {remote: oids - gone for remote, oids in self.named.items()}
        return Mentions(self.oids - gone, self.promised - gone, self.old - gone, named, self.unnamed - gone)


def ids_in(data: bytes) -> set[str]:
    """Every object id that is written somewhere in these bytes."""
    return {match.decode() for match in _OID.findall(data)}


def in_pointer(data: bytes, name: str, pipeline: bytes | None = None) -> Mentions:
    """What a pointer file mentions; `pipeline` is the `dvc.yaml` beside a `dvc.lock`."""
    found = Mentions(ids_in(data))
    pipeline = pipeline if names_remote(pipeline) else None
    is_lock = posixpath.basename(name) == "dvc.lock"
    if b"hash:" not in data and not is_lock:
        found.old = set(found.oids)
    if is_lock or b"deps:" in data or b"files:" in data or names_remote(data):
        _read(data, name, pipeline, found)
    else:
        found.promised = set(filter(is_dir_oid, found.oids))
    own = set[str]().union(*found.named.values())
    found.unnamed |= found.oids - own
    return found


def names_remote(data: bytes | None) -> bool:
    """Whether a pointer file, or a `dvc.yaml`, may name a remote for an output."""
    return data is not None and b"remote" in data


def _read(data: bytes, name: str, pipeline: bytes | None, found: Mentions) -> None:
    """Read it as DVC does: the hash of a directory may follow from a list, and a dependency promises no files."""
    try:
        pointers = parse_pointers(data.decode("utf-8"), name, pipeline.decode("utf-8") if pipeline else None)
    except (CPVError, UnicodeDecodeError):
        found.promised |= set() if b"deps:" in data else set(filter(is_dir_oid, found.oids))
        return
    for pointer in pointers:
        if pointer.oid is not None:
            found.oids.add(pointer.oid)
            if pointer.remote is None:
                found.unnamed.add(pointer.oid)
            else:
                found.named.setdefault(pointer.remote, set()).add(pointer.oid)
            if pointer.isdir and not pointer.imported and not pointer.stored:
                found.promised.add(pointer.oid)


class MentionReader:
    """Reads pointer files out of Git's object store."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo
        self._known: dict[tuple[str, str | None], Mentions] = {}
        self._pipelines: dict[str, bool] = {}

    def in_trees(self, trees: Iterable[str]) -> Mentions:
        """What the pointer files below these trees mention. `CPVError` where the clone lacks one."""
        seen = dict.fromkeys(trees)
        waiting, pointers = list(seen), dict[tuple[str, str | None], str]()
        while waiting:
            below: dict[str, None] = {}
            for tree in self._read_all(waiting):
                items = list(entries(tree)) if tree.kind == "tree" else []
                pipeline = next((item.oid for item in items if item.name == PIPELINE and item.kind == "blob"), None)
                for item in items:
                    if item.kind == "tree" and item.oid not in seen:
                        below[item.oid] = None
                    elif item.kind == "blob" and is_pointer_file(item.name):
                        beside = self._naming(pipeline) if item.name == "dvc.lock" else None
                        pointers.setdefault((item.oid, beside), item.name)
            seen |= below
            waiting = list(below)
        return self._in_blobs(pointers)

    def _in_blobs(self, pointers: Mapping[tuple[str, str | None], str]) -> Mentions:
        """What pointer files mention: by blob, and that of the `dvc.yaml` beside it, their names."""
        found = Mentions()
        new = [key for key in pointers if key not in self._known]
        for key, blob in zip(new, self._read_all([oid for oid, _ in new]), strict=True):
            self._note(key, blob, pointers[key])
        for key in pointers:
            found.add(self._known[key])
        return found

    def in_blob(self, oid: str, name: str, pipeline: str | None = None) -> Mentions:
        """What one pointer file mentions; `pipeline` is the blob of the `dvc.yaml` beside a `dvc.lock`."""
        key = (oid, self._naming(pipeline))
        if key not in self._known:
            self._note(key, self._object(oid), name)
        return self._known[key]

    def _note(self, key: tuple[str, str | None], blob: Object, name: str) -> None:
        beside = self._object(key[1]).data if key[1] else None
        self._known[key] = in_pointer(blob.data or b"", name, beside) if blob.kind == "blob" else Mentions()

    def _naming(self, pipeline: str | None) -> str | None:
        """The blob of a `dvc.yaml` where that names remotes; else it does not matter here."""
        if pipeline is None:
            return None
        if pipeline not in self._pipelines:
            self._pipelines[pipeline] = names_remote(self._object(pipeline).data)
        return pipeline if self._pipelines[pipeline] else None

    def _read_all(self, oids: Sequence[str]) -> Iterator[Object]:
        for oid, found in zip(oids, reads_of(self._repo, len(oids)).read_all(oids), strict=True):
            yield found or self._object(oid)

    def _object(self, oid: str) -> Object:
        found = objects_of(self._repo).read(oid)
        if found is None:
            what = f"object {oid} is not in this clone, so what is needed is not known"
            raise CPVError(what, where=str(self._repo.common_dir), fix="git fetch --refetch")
        return found
