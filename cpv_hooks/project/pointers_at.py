"""What commits point to, read from Git's object store and never from the work tree."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from cpv_hooks.dvcformat.pointer import MAX_BYTES, Pointer, is_pointer_file, parse
from cpv_hooks.errors import CPVError
from cpv_hooks.git.objects import Entry, Object, Objects, entries, objects_of

if TYPE_CHECKING:
    from cpv_hooks.project.project import Project

PIPELINE = "dvc.yaml"


@dataclass(frozen=True)
class _File:
    """A pointer file in a commit; `pipeline` is the blob of the `dvc.yaml` beside a `dvc.lock`."""

    path: str
    blob: str
    pipeline: str | None


def pointers_at(project: Project, rev: str) -> list[Pointer]:
    """Every pointer of a DVC root in a commit, in the order of their files.

    `CPVError` names a commit that is not there, and a pointer file that cannot be read.
    """
    store = _store(objects_of(project.repo))
    tree = store.root(project, rev)
    for name in Path(project.prefix).parts:
        found = store.child(tree, name)
        if found is None or found.kind != "tree":
            return []
        tree = found.oid
    folder = Path(project.prefix).as_posix() if project.prefix else ""
    return [pointer for file in store.files(tree, folder) for pointer in store.parse(file)]


def pointers_ever(project: Project) -> Iterator[Pointer]:
    """Every pointer of a DVC root that any commit of this clone has; those that cannot be read are left out."""
    store = _store(objects_of(project.repo))
    head = ["HEAD"] if project.repo.resolve("HEAD") else []
    patterns = ("*.dvc", "dvc.lock", "*/dvc.lock")
    listed = project.repo.run("rev-list", "--objects", "--all", *head, "--", *patterns, check=False)
    for line in listed.splitlines():
        blob, _, path = line.partition(" ")
        if is_pointer_file(path) and project.holds(path):
            try:
                yield from store.parse(_File(path, blob, None))
            except CPVError:
                continue


def is_tracked(project: Project, rev: str, path: str) -> bool:
    """Whether Git itself holds a path (relative to the top of the work tree) in a commit."""
    store = _store(objects_of(project.repo))
    found: Entry | None = Entry("", store.root(project, rev), "tree", link=False)
    for name in Path(path).parts:
        found = store.child(found.oid, name) if found is not None and found.kind == "tree" else None
    return found is not None


class _Store:
    """Git's objects, with what was read of them kept: they never change."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._parsed: dict[_File, tuple[Pointer, ...]] = {}
        self._listed: dict[tuple[str, str], tuple[_File, ...]] = {}

    def root(self, project: Project, rev: str) -> str:
        """The id of a commit's tree."""
        found = self._objects.read(f"{rev}^{{tree}}", 0)
        if found is None:
            raise CPVError(f"no commit {rev!r}", where=str(project.repo.top), fix="git fetch")
        return found.oid

    def child(self, tree: str, name: str) -> Entry | None:
        """What a tree holds under a name."""
        return next((item for item in self._tree(tree) if item.name == name), None)

    def _tree(self, oid: str) -> Iterator[Entry]:
        return entries(self._object(oid, f"tree {oid}"))

    def _object(self, oid: str, path: str) -> Object:
        found = self._objects.read(oid, MAX_BYTES)
        if found is None:
            raise CPVError("is not in this clone", where=path, fix="git fetch --refetch")
        return found

    def parse(self, file: _File) -> tuple[Pointer, ...]:
        """The pointers that a file holds."""
        if file not in self._parsed:
            pipeline = self._text(file.pipeline, file.path) if file.pipeline else None
            self._parsed[file] = tuple(parse(self._text(file.blob, file.path), file.path, pipeline))
        return self._parsed[file]

    def _text(self, blob_id: str, path: str) -> str:
        data = self._object(blob_id, path).data
        if data is None:
            raise CPVError(f"pointer larger than {MAX_BYTES} bytes", where=path, fix=f"git rm --cached {path}")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise CPVError("not UTF-8", where=path, fix=f"git checkout -- {path}") from error

    def files(self, tree: str, folder: str) -> tuple[_File, ...]:
        """The pointer files below a tree, without those of DVC roots nested in it."""
        key = (tree, folder)
        if key not in self._listed:
            self._listed[key] = tuple(self._walk(list(self._tree(tree)), folder))
        return self._listed[key]

    def _walk(self, items: list[Entry], folder: str) -> Iterator[_File]:
        pipeline = next((item.oid for item in items if item.name == PIPELINE), None)
        for item in items:
            path = posixpath.join(folder, item.name)
            if item.kind == "tree":
                # A DVC root that is nested here has pointers of its own.
                if item.name not in (".dvc", ".git") and not self._is_dvc_root(item):
                    yield from self.files(item.oid, path)
            elif item.kind == "blob" and not item.link and is_pointer_file(item.name):
                yield _File(path, item.oid, pipeline if item.name == "dvc.lock" else None)

    def _is_dvc_root(self, tree: Entry) -> bool:
        found = self.child(tree.oid, ".dvc")
        return found is not None and found.kind == "tree"


@lru_cache(maxsize=8)
def _store(objects: Objects) -> _Store:
    return _Store(objects)
