"""The folder in which a version's files stand ready to be read: one for each commit, in the personal folder.

It appears whole or not at all. Beside it lies a note of what it holds, with the signature of each file as it was when
its bytes were last known to be right, so that the next look costs a `stat` of each file.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from cpv_hooks import state_files
from cpv_hooks.dvcformat.cached_objects import PROTECTED
from cpv_hooks.errors import disk_error, disk_errors
from cpv_hooks.operations.download.fetch_content import DISK_THREADS, ContentSource
from cpv_hooks.operations.download.pieces import Piece
from cpv_hooks.operations.download.version_content import Stock, local, refuse_alike
from cpv_hooks.project.project import Project
from cpv_hooks.system.atomic_files import TEMPORARY, write_atomic
from cpv_hooks.system.copying import reflink
from cpv_hooks.system.folder_names import folder_name
from cpv_hooks.system.locks import locked
from cpv_hooks.system.signatures import Signature, signature
from cpv_hooks.versions.version import Version


def folder_of(project: Project, version: Version, home: Path) -> Path:
    """Where the version's files stand: `artifacts/TEAM/MODEL/COMMIT` below the personal folder."""
    team, model = project.config.team or "team", project.config.model or project.root.name
    name = version.commit + (f"-{folder_name(project.prefix.rstrip('/'))}" if project.prefix else "")
    return home / state_files.ARTIFACTS / folder_name(team) / folder_name(model) / name


class Shelf:
    """The folder of one version."""

    def __init__(self, project: Project, version: Version, home: Path) -> None:
        self.folder = folder_of(project, version, home)
        self._project = project
        self._version = version

    def is_whole(self) -> bool:
        """Whether every file stands there as it was left, and the links lead to the cache objects of then."""
        files, folders = self._note.get("files", {}), self._note.get("folders", [])
        if self._note.get("pointers") != self._pointers() or not self.folder.is_dir():
            return False
        return all(_signature(self.folder / name) == tuple(known[1]) for name, known in files.items()) and all(
            (self.folder / name).is_dir() for name in folders
        )

    def sound(self) -> dict[str, Signature]:
        """Cache objects that were seen to be right when the folder was made, with their signatures then."""
        return {oid: (size, mtime, ctime, inode) for oid, (size, mtime, ctime, inode) in self._files().values()}

    def _files(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._note.get("files", {})
        return found

    def _pointers(self) -> list[list[str]]:
        return sorted([local(self._project, p), p.oid] for p in self._version.pointers if p.oid)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from making the same folder; what they have made meanwhile is seen afterwards."""
        self._make_room()
        with locked(self._beside("lock"), wait=True, say=f"laying out {self._version.name}"):
            self.__dict__.pop("_note", None)
            yield

    def _make_room(self) -> None:
        with disk_errors(self.folder.parent):
            # Weights are nobody else's business on a shared machine.
            self.folder.parents[3].mkdir(parents=True, exist_ok=True, mode=0o700)
            self.folder.parent.mkdir(parents=True, exist_ok=True)

    def build(self, stock: Stock, source: ContentSource) -> None:
        """Make the folder anew from the cache; call it under the lock."""
        for leftover in self.folder.parent.glob(f".{self.folder.name}.*{TEMPORARY}"):
            shutil.rmtree(leftover, ignore_errors=True)
        temporary = self._beside(f"{secrets.token_hex(4)}{TEMPORARY}")
        refuse_alike(stock, temporary)
        try:
            signatures = _Layout(temporary, stock, source).make()
            self._beside("json").unlink(missing_ok=True)
            self._put_in_place(temporary)
        except OSError as error:
            raise disk_error(error, self.folder) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        folders = [local(self._project, pointer) for pointer in stock.pointers if pointer.isdir]
        note = {"pointers": self._pointers(), "folders": folders, "files": signatures}
        write_atomic(self._beside("json"), json.dumps(note).encode())

    def _put_in_place(self, temporary: Path) -> None:
        if os.path.lexists(self.folder):
            # A folder cannot be replaced in one step; whoever reads the old one has open files, not a path.
            os.rename(self.folder, self._beside(f"{secrets.token_hex(4)}{TEMPORARY}"))
        os.rename(temporary, self.folder)
        for leftover in self.folder.parent.glob(f".{self.folder.name}.*{TEMPORARY}"):
            shutil.rmtree(leftover, ignore_errors=True)

    @cached_property
    def _note(self) -> Mapping[str, Any]:
        try:
            note = state_files.read_json(self._beside("json"))
            # Read strictly: a note of another form counts as none.
            _ = [(str(oid), tuple(map(int, sig))) for oid, sig in note["files"].values()]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}
        return note if isinstance(note, dict) else {}

    def _beside(self, ending: str) -> Path:
        return self.folder.with_name(f".{self.folder.name}.{ending}")


class _Layout:
    """The files of a version, put into a folder that nobody knows yet.

    A file shares its blocks with the cache object where the file system can do that (reflink). Elsewhere it is a
    symbolic link to the cache object, as in the hubs from which models are commonly loaded: a version costs no room,
    and what is read-only stays so. A hard link would be the cache object itself under a second name, which its owner
    may make writable and change with the cache, and with it every other version that has the same content.
    """

    def __init__(self, folder: Path, stock: Stock, source: ContentSource) -> None:
        self._folder = folder
        self._stock = stock
        self._source = source
        self._shares_blocks = True

    def make(self) -> dict[str, tuple[str, Signature]]:
        """Lay the files out; returns each one's object and signature."""
        from cpv_hooks.system.threads import each

        found: dict[str, tuple[str, Signature]] = {}
        self._folder.mkdir()
        self._stock.make_folders(self._folder, self._stock.pieces)

        def put(piece: Piece) -> None:
            name = self._stock.place(piece)
            self._put(self._source.file(piece), self._folder / name)
            found[name] = (piece.oid, signature((self._folder / name).stat()))

        each(put, self._stock.pieces, DISK_THREADS)
        return found

    def _put(self, source: Path, target: Path) -> None:
        if not (self._shares_blocks and _shared(source, target)):
            self._shares_blocks = False
            target.symlink_to(source)


def _shared(source: Path, target: Path) -> bool:
    """Make a read-only file that shares the source's blocks; False, with nothing left, where that cannot be."""
    with open(source, "rb", buffering=0) as reader:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PROTECTED)
        try:
            shared = reflink(reader.fileno(), descriptor)
        finally:
            os.close(descriptor)
    if not shared:
        target.unlink()
    return shared


def _signature(path: Path) -> Signature | None:
    try:
        return signature(path.stat())
    except OSError:
        return None
