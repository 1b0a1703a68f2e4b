"""The base of the three-way sync: what pointer and artifact were when they last agreed.

One file per work tree (`index.json` in CPV's state) and one per base of a directory artifact (`trees/`), because a
directory may hold a million files and most syncs look at none of them. Losing them costs hashing, never content.

A new base's tree is written beside the old one's, which goes after the index that names it no more is on the disk:
the two are one step, and only the old tree can tell a deleted file from one that was left out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpv_hooks import state_files
from cpv_hooks.dvcformat.file_versions import Stored
from cpv_hooks.dvcformat.pointer import Named, Pointer
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.atomic_files import write_atomic
from cpv_hooks.system.signatures import Signature

if TYPE_CHECKING:
    from cpv_hooks.worktree.base_tree import Tree

REMOVING = ""
"""In the place of the object that is being brought: the artifact is being taken away."""
_VERSION = 1
_FIELDS = frozenset(Pointer._fields)
_BYTES_PER_FILE = 64  # four numbers, an md5 and a name of usual length


class BaseEntry(NamedTuple):
    """The base of one artifact.

    `signature` is a file's; `checked` is the file system's time (ns) at which the signatures were taken; anything
    newer than that is racy. `placing` is the object that was being brought when this was written, or `REMOVING`: if it
    is still there at the next sync, that was stopped half-way and what stands there is a mixture of the two. `plain`:
    no `.dvcignore` had a say in which files of a directory were listed. `left_out`: all or some of the content is
    absent on purpose, as `Tree.absent` says of a directory; without a tree all is.
    """

    oid: str
    isexec: bool = False
    signature: Signature | None = None
    checked: int = 0
    placing: str | None = None
    plain: bool = False
    legacy: bool = False
    placing_legacy: bool = False
    left_out: bool = False

    @property
    def named(self) -> Named:
        return self.oid, self.isexec, self.legacy

    @property
    def isdir(self) -> bool:
        return self.oid.endswith(".dir")


class Index:
    """The bases of one work tree, and what is remembered of pointer files and large cache objects.

    `released` are artifacts whose pointer the user took out of Git: they stay out, though `.cpv.toml` names them.
    `links` are links to folders inside an artifact that were taken away with their folder: name -> where they led.
    `opened` are files of an artifact that another process had open for writing when it was snapshotted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: dict[str, BaseEntry] = {}
        self.pointers: dict[str, tuple[Signature, int, list[Pointer]]] = {}
        self.objects: dict[str, Signature] = {}
        self.released: set[str] = set()
        self.links: dict[str, dict[str, str]] = {}
        self.opened: dict[str, tuple[str, ...]] = {}
        self._saved = ""
        self._superseded = False

    @classmethod
    def load(cls, state: Path) -> Index:
        """Read the index; an empty one where there is none or it is damaged."""
        index = cls(state)
        try:
            text = state_files.read_bytes(state / state_files.INDEX).decode("utf-8", "surrogateescape")
            table = json.loads(text)
            if table["version"] == _VERSION:
                index.entries = {path: _entry(value) for path, value in table["entries"].items()}
                index.pointers = {
                    file: _pointers(value) for file, value in table["pointers"].items() if _is_whole(value)
                }
                index.objects = {oid: _signature(value) for oid, value in table["objects"].items()}
                index.released = {str(path) for path in table["released"]}
                index.links = {path: dict(links) for path, links in table.get("links", {}).items()}
                index.opened = {path: tuple(map(str, names)) for path, names in table.get("opened", {}).items()}
                index._saved = text
        except FileNotFoundError:
            pass
        except PermissionError:
            raise  # nobody may take what it protects for gone
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            index = cls(state)
        return index

    def save(self) -> None:
        table = {
            "version": _VERSION,
            "entries": {path: entry._asdict() for path, entry in sorted(self.entries.items())},
            "pointers": {
                file: [sig, checked, [_fields(pointer) for pointer in found]]
                for file, (sig, checked, found) in self.pointers.items()
            },
            "objects": self.objects,
            "released": sorted(self.released),
            "links": self.links,
            "opened": self.opened,
        }
        text = json.dumps(table, separators=(",", ":"))
        if text != self._saved:
            write_atomic(self.folder / state_files.INDEX, text.encode("utf-8", "surrogateescape"))
            self._saved = text
        if self._superseded:
            self._remove_superseded()

    def set(self, path: str, entry: BaseEntry, tree: Tree | None = None) -> None:
        """Note an artifact's base, with its files where it is a directory."""
        if tree is not None:
            self.write_tree(path, entry.oid, tree)
        self.entries[path] = entry
        self.opened.pop(path, None)

    def mark(self, path: str, placing: str, *, legacy: bool = False) -> None:
        """Note, on the disk, that an object is about to be brought, or `REMOVING`: what stands there is none's edit."""
        entry = self.entries.get(path) or BaseEntry(placing, legacy=legacy)
        self.entries[path] = entry._replace(placing=placing, placing_legacy=legacy)
        self.save()

    def leave_out(self, path: str, pointer: Pointer) -> None:
        """Note that an artifact which is not there is absent on purpose."""
        self.forget(path)
        entry = BaseEntry(pointer.oid or "", pointer.isexec, legacy=pointer.legacy, left_out=True)
        # An older tree of it would say that its files are there.
        self._tree_file(path, entry.oid).unlink(missing_ok=True)
        self.entries[path] = entry

    def forget(self, path: str) -> None:
        """Drop an artifact's base."""
        self.entries.pop(path, None)
        self.opened.pop(path, None)
        self._superseded = True

    def read_tree(self, path: str, oid: str) -> Tree | None:
        """The files of a directory artifact at its base; None where they are not known."""
        from cpv_hooks.worktree.base_tree import decode

        try:
            with state_files.open_file(self._tree_file(path, oid)) as stream:
                return decode(stream, oid)
        except OSError:
            return None

    def files_about(self, path: str) -> int:
        """How many files a directory artifact has at its base, by the size of what is remembered of them."""
        entry = self.entries.get(path)
        try:
            return self._tree_file(path, entry.oid if entry is not None else "").stat().st_size // _BYTES_PER_FILE
        except OSError:
            return 0

    def write_tree(self, path: str, oid: str, tree: Tree) -> None:
        """Remember the files of a directory artifact."""
        from cpv_hooks.worktree.base_tree import encode

        write_atomic(self._tree_file(path, oid), encode(tree, oid))
        self._superseded = True

    def _remove_superseded(self) -> None:
        """Remove the trees that belong to no base."""
        current = {self._tree_file(path, entry.oid) for path, entry in self.entries.items() if entry.isdir}
        with suppress(FileNotFoundError):
            for file in set((self.folder / state_files.TREES).iterdir()) - current:
                file.unlink(missing_ok=True)
        self._superseded = False

    def _tree_file(self, path: str, oid: str) -> Path:
        import hashlib  # slow to load, and few hooks look at large folders

        key = hashlib.sha1(os.fsencode(f"{path}\0{oid}"), usedforsecurity=False).hexdigest()
        return self.folder / state_files.TREES / key


def _fields(pointer: Pointer) -> dict[str, Any]:
    return {**pointer._asdict(), "stored": [place._asdict() for place in pointer.stored]}


def _signature(value: Any) -> Signature:
    size, mtime, ctime, inode = value
    return int(size), int(mtime), int(ctime), int(inode)


def _entry(value: Mapping[str, Any]) -> BaseEntry:
    entry = BaseEntry(**value)
    if not isinstance(entry.oid, str):
        raise ValueError("an object id is text")
    return entry._replace(signature=_signature(entry.signature)) if entry.signature else entry


def _pointers(value: Any) -> tuple[Signature, int, list[Pointer]]:
    sig, checked, found = value
    return _signature(sig), int(checked), [_pointer(item) for item in found]


def _is_whole(value: Any) -> bool:
    """Whether exactly what a pointer can say is remembered; another version of CPV may have noted more or less."""
    return all(item.keys() == _FIELDS for item in value[2])


def _pointer(item: Mapping[str, Any]) -> Pointer:
    return Pointer(**{**item, "stored": tuple(Stored(**place) for place in item.get("stored", ()))})
