"""What commits point to, read from Git's object store and never from the work tree."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cpv_hooks.dvcformat.pointer import MAX_BYTES, Pointer, is_pointer_file, parse
from cpv_hooks.errors import CPVError, shell_path
from cpv_hooks.git.objects import FOLDERS as _FOLDERS
from cpv_hooks.git.objects import Object, Reads, TreeEntry, entries, objects_of, rows

if TYPE_CHECKING:
    from cpv_hooks.project.project import Project

PIPELINE = "dvc.yaml"
_PIPELINE, _LOCK = b"dvc.yaml", b"dvc.lock"
_ENDINGS = (b".dvc", _LOCK)
_FILES = frozenset((b"100644", b"100755", b"100664"))


class _File(NamedTuple):
    """A pointer file in a commit; `pipeline` is the blob of the `dvc.yaml` beside a `dvc.lock`."""

    path: str
    blob: str
    pipeline: str | None


def pointers_at(project: Project, rev: str) -> list[Pointer]:
    """Every pointer of a DVC root in a commit, in the order of their files.

    `CPVError` names a commit that is not there, and a pointer file that cannot be read.
    """
    store = _store(objects_of(project.repo))
    return store.below(project, store.root(project, rev))


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
    found: TreeEntry | None = TreeEntry("", store.root(project, rev), "tree", link=False)
    for name in Path(path).parts:
        found = store.child(found.oid, name) if found is not None and found.kind == "tree" else None
    return found is not None


class PointerReader:
    """Pointers in Git's trees, with what was read of them kept: objects never change."""

    def __init__(self, objects: Reads) -> None:
        self._objects = objects
        self._parsed: dict[_File, tuple[Pointer, ...]] = {}
        self._listed: dict[tuple[str, str], tuple[_File, ...]] = {}
        self._roots: dict[str, bool] = {}

    def root(self, project: Project, rev: str) -> str:
        """The id of a commit's tree."""
        found = self._objects.read(f"{rev}^{{tree}}", 0)
        if found is None:
            raise CPVError(f"no commit {rev!r}", where=str(project.repo.top), fix="git fetch")
        return found.oid

    def below(self, project: Project, tree: str) -> list[Pointer]:
        """The pointers of a DVC root in the tree of a commit; `CPVError` for one that cannot be read."""
        folder = project.prefix.rstrip("/")
        for name in filter(None, folder.split("/")):
            found = self.child(tree, name)
            if found is None or found.kind != "tree":
                return []
            tree = found.oid
        return [pointer for file in self.files(tree, folder) for pointer in self.parse(file)]

    def child(self, tree: str, name: str) -> TreeEntry | None:
        """What a tree holds under a name."""
        return next((item for item in entries(self._object(tree, f"tree {tree}")) if item.name == name), None)

    def _object(self, oid: str, path: str) -> Object:
        found = self._objects.read(oid, MAX_BYTES)
        if found is None:
            raise CPVError("is not in this clone", where=path, fix="git fetch --refetch")
        return found

    def parse(self, file: _File) -> tuple[Pointer, ...]:
        """The pointers that a file holds."""
        found = self._parsed.get(file)
        if found is None:
            pipeline = self._text(file.pipeline, file.path) if file.pipeline else None
            found = self._parsed[file] = tuple(parse(self._text(file.blob, file.path), file.path, pipeline))
        return found

    def _text(self, blob_id: str, path: str) -> str:
        data = self._object(blob_id, path).data
        if data is None:
            raise CPVError(
                f"pointer larger than {MAX_BYTES} bytes", where=path, fix=f"git rm --cached {shell_path(path)}"
            )
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise CPVError("not UTF-8", where=path, fix=f"git checkout -- {shell_path(path)}") from error

    def files(self, tree: str, folder: str) -> tuple[_File, ...]:
        """The pointer files below a tree, without those of DVC roots nested in it."""
        key = (tree, folder)
        if key not in self._listed:
            self._listed[key] = tuple(self._walk(tree, folder))
        return self._listed[key]

    def _walk(self, tree: str, folder: str) -> Iterator[_File]:
        start = f"{folder}/" if folder else ""
        # Not by `entries`: most of a tree is neither a folder nor a pointer, and there is a tree for each version.
        items = rows(self._object(tree, f"tree {tree}"))
        for mode, raw, oid in items:
            is_file = mode in _FILES
            if not is_file and mode not in _FOLDERS:
                continue
            if is_file and not raw.endswith(_ENDINGS):
                continue
            try:
                name = raw.decode("utf-8")
            except UnicodeDecodeError:
                continue
            if is_file:
                if is_pointer_file(name):
                    pipeline = next((o.hex() for _, n, o in items if n == _PIPELINE), None) if raw == _LOCK else None
                    yield _File(start + name, oid.hex(), pipeline)
            # A DVC root that is nested here has pointers of its own.
            elif raw not in (b".dvc", b".git") and not self._is_dvc_root(oid.hex()):
                yield from self.files(oid.hex(), start + name)

    def _is_dvc_root(self, tree: str) -> bool:
        known = self._roots.get(tree)
        if known is None:
            found = self.child(tree, ".dvc")
            known = self._roots[tree] = found is not None and found.kind == "tree"
        return known


@lru_cache(maxsize=8)
def _store(objects: Reads) -> PointerReader:
    return PointerReader(objects)
