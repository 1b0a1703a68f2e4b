"""The pointers in Git's trees, of one commit or of a whole history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from cpv_hooks.dvcformat.pointer import MAX_BYTES, Pointer, is_pointer_file, parse_pointers
from cpv_hooks.errors import CPVError, git_word
from cpv_hooks.git.objects import FOLDERS, Object, Reads, TreeEntry, entries
from cpv_hooks.git.tree_layouts import Named, TreeLayouts
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.project import Project

PIPELINE = "dvc.yaml"
_LOCK = b"dvc.lock"
_TREES = 64
"""So many trees are kept whole: those that lead to hundreds of DVC roots, and not those of a long history."""
_ENDINGS = (b".dvc", _LOCK)
_FILES = frozenset((b"100644", b"100755", b"100664"))


class PointerFile(NamedTuple):
    """A pointer file in a commit; `pipeline` is the blob of the `dvc.yaml` beside a `dvc.lock`."""

    path: str
    blob: str
    pipeline: str | None


class _Row(NamedTuple):
    """A row of a tree that leads to pointers: which one it is, its name, and the row of the `dvc.yaml` beside it."""

    at: int
    name: str
    folder: bool
    pipeline: int | None


class PointerReader:
    """Pointers in Git's trees, with what was read of them kept: objects never change."""

    def __init__(self, objects: Reads) -> None:
        self._objects = objects
        self._parsed: dict[PointerFile, tuple[Pointer, ...]] = {}
        self._listed: dict[tuple[str, str], tuple[PointerFile, ...]] = {}
        self._roots: dict[str, bool] = {}
        self._children: dict[str, dict[str, TreeEntry]] = {}
        self._ahead: dict[str, Object] = {}
        self._layouts = TreeLayouts(_leading)

    def root(self, project: Project, rev: str) -> str:
        """The id of a commit's tree."""
        found = self._objects.read(f"{rev}^{{tree}}", 0)
        if found is None:
            raise CPVError(f"no commit {rev!r}", where=str(project.repo.top), fix="git fetch")
        return found.oid

    def below(self, project: Project, tree: str) -> list[Pointer]:
        """The pointers of a DVC root in the tree of a commit; `CPVError` for one that cannot be read."""
        return [pointer for file in self._in_root(project, tree) for pointer in self.parse(file)]

    def look_into(self, projects: Sequence[Project], tree: str) -> None:
        """Read what many DVC roots hold in the tree of a commit, all trees and then all files; `below` says what is
        wrong."""
        folders = dict[str, str]()
        for project in projects:
            with suppress(CPVError):
                folder = self._folder_of(project, tree)
                if folder:
                    folders[folder] = project.prefix.rstrip("/")
        trees = [found for found in self._objects.read_all(list(folders), MAX_BYTES) if found is not None]
        self._ahead = {found.oid: found for found in trees}
        files = list[PointerFile]()
        for oid in self._ahead:
            with suppress(CPVError):
                files += self.files(oid, folders[oid])
        blobs = self._objects.read_all(list(dict.fromkeys(file.blob for file in files)), MAX_BYTES)
        self._ahead |= {found.oid: found for found in blobs if found is not None}

    def look_ahead(self, projects: Sequence[Project], trees: Iterable[str]) -> None:
        """Read what these trees of commits hold, kind after kind, as a pack has it; `below` says what is wrong."""
        if all(project.prefix for project in projects):
            return
        wanted = list(dict.fromkeys(trees))
        files: dict[PointerFile, None] = {}
        for tree, found in zip(wanted, self._objects.read_all(wanted, MAX_BYTES), strict=True):
            if found is None:
                continue
            try:
                listed = self._listed[tree, ""] = self._walk(found, "")
            except CPVError:
                continue
            for file in listed:
                if file.pipeline is None and file not in self._parsed:
                    files[file] = None
        for file, found in zip(files, self._objects.read_all([file.blob for file in files], MAX_BYTES), strict=True):
            if found is None:
                continue
            try:
                self._parsed[file] = tuple(parse_pointers(_text(found, file.path), file.path))
            except CPVError:
                continue

    def _in_root(self, project: Project, tree: str) -> tuple[PointerFile, ...]:
        folder = self._folder_of(project, tree)
        return self.files(folder, project.prefix.rstrip("/")) if folder else ()

    def _folder_of(self, project: Project, tree: str) -> str | None:
        """The tree of a DVC root's folder in the tree of a commit."""
        for name in filter(None, project.prefix.split("/")):
            found = self.child(tree, name)
            if found is None or found.kind != "tree":
                return None
            tree = found.oid
        return tree

    def child(self, tree: str, name: str) -> TreeEntry | None:
        found = self._children.get(tree)
        if found is None:
            if len(self._children) >= _TREES:
                self._children.clear()
            found = {item.name: item for item in entries(self._object(tree, f"tree {tree}"))}
            self._children[tree] = found
        return found.get(name)

    def _object(self, oid: str, path: str) -> Object:
        found = self._ahead.get(oid) or self._objects.read(oid, MAX_BYTES)
        if found is None:
            raise CPVError("is not in this clone", where=path, fix="git fetch --refetch")
        return found

    def parse(self, file: PointerFile) -> tuple[Pointer, ...]:
        found = self._parsed.get(file)
        if found is None:
            pipeline = _text(self._object(file.pipeline, file.path), file.path) if file.pipeline else None
            text = _text(self._object(file.blob, file.path), file.path)
            found = self._parsed[file] = tuple(parse_pointers(text, file.path, pipeline))
        return found

    def files(self, tree: str, folder: str) -> tuple[PointerFile, ...]:
        """The pointer files below a tree, without those of DVC roots nested in it."""
        found = self._listed.get((tree, folder))
        if found is None:
            found = self._listed[tree, folder] = self._walk(self._object(tree, f"tree {tree}"), folder)
        return found

    def _walk(self, tree: Object, folder: str) -> tuple[PointerFile, ...]:
        start = f"{folder}/" if folder else ""
        leading, oids = self._layouts.read(tree)
        found = list[PointerFile]()
        for at, name, is_folder, pipeline in leading:
            oid = oids[at].hex()
            if not is_folder:
                beside = None if pipeline is None else oids[pipeline].hex()
                found.append(tuple.__new__(PointerFile, (start + name, oid, beside)))
            # A DVC root that is nested here has pointers of its own.
            elif not self._is_dvc_root(oid):
                found += self.files(oid, start + name)
        return tuple(found)

    def _is_dvc_root(self, tree: str) -> bool:
        known = self._roots.get(tree)
        if known is None:
            found = self.child(tree, ".dvc")
            known = self._roots[tree] = found is not None and found.kind == "tree"
        return known


def _leading(rows: Named) -> tuple[_Row, ...]:
    return tuple(_lead(rows))


def _lead(rows: Named) -> Iterator[_Row]:
    for at, (mode, raw) in enumerate(rows):
        is_folder = mode in FOLDERS
        if not is_folder and (mode not in _FILES or not raw.endswith(_ENDINGS)):
            continue
        try:
            name = raw.decode("utf-8")
        except UnicodeDecodeError:
            continue
        if is_folder:
            if raw not in (b".dvc", b".git"):
                yield _Row(at, name, folder=True, pipeline=None)
        elif is_pointer_file(name):
            beside = (there for there, (_, other) in enumerate(rows) if other == PIPELINE.encode())
            yield _Row(at, name, folder=False, pipeline=next(beside, None) if raw == _LOCK else None)


def _text(found: Object, path: str) -> str:
    if found.data is None:
        raise CPVError(f"pointer larger than {MAX_BYTES} bytes", where=path, fix=f"git rm --cached {git_word(path)}")
    try:
        return found.data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CPVError("not UTF-8", where=path, fix=f"git checkout -- {git_word(path)}") from error
