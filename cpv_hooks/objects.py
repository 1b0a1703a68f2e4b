"""What commits point to, read from Git's object store and never from the work tree."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from cpv_hooks.errors import CPVError
from cpv_hooks.pointer import MAX_BYTES, Pointer, is_pointer_file, parse

if TYPE_CHECKING:
    import pygit2

    from cpv_hooks.project import Project

PIPELINE = "dvc.yaml"
_COMMIT_ID = re.compile(r"[0-9a-f]{40}")


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
    store = _open(str(project.repo.common_dir))
    return [pointer for file in _files(store, project, rev) for pointer in store.parse(file)]


def pointers_ever(project: Project) -> Iterator[Pointer]:
    """Every pointer of a DVC root that any commit of this clone has; those that cannot be read are left out."""
    store = _open(str(project.repo.common_dir))
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
    store = _open(str(project.repo.common_dir))
    try:
        return path in store.commit(project, rev).tree
    except ValueError:
        return False


class _Store:
    """Git's objects, with what was read of them kept: they never change."""

    def __init__(self, repository: pygit2.Repository) -> None:
        self._repository = repository
        self._parsed: dict[_File, tuple[Pointer, ...]] = {}
        self._trees: dict[tuple[str, str], tuple[_File, ...]] = {}

    def commit(self, project: Project, rev: str) -> pygit2.Commit:
        import pygit2

        # Names are Git's to resolve, whatever its ref backend is.
        commit_id = rev if _COMMIT_ID.fullmatch(rev) else project.repo.resolve(rev)
        try:
            return self._repository[commit_id or ""].peel(pygit2.Commit)
        except (KeyError, ValueError, pygit2.GitError) as error:
            raise CPVError(f"no commit {rev!r}", where=str(project.repo.top), fix="git fetch") from error

    def parse(self, file: _File) -> tuple[Pointer, ...]:
        if file not in self._parsed:
            pipeline = self._text(file.pipeline, file.path) if file.pipeline else None
            self._parsed[file] = tuple(parse(self._text(file.blob, file.path), file.path, pipeline))
        return self._parsed[file]

    def _text(self, blob_id: str, path: str) -> str:
        import pygit2

        try:
            blob = self._repository[blob_id]
        except KeyError as error:
            raise CPVError("is not in this clone", where=path, fix="git fetch --refetch") from error
        if not isinstance(blob, pygit2.Blob) or blob.size > MAX_BYTES:
            raise CPVError(f"pointer larger than {MAX_BYTES} bytes", where=path, fix=f"git rm --cached {path}")
        try:
            return blob.data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise CPVError("not UTF-8", where=path, fix=f"git checkout -- {path}") from error

    def files(self, tree: pygit2.Tree, folder: str) -> tuple[_File, ...]:
        """The pointer files below a tree, without those of DVC roots nested in it."""
        key = (str(tree.id), folder)
        if key not in self._trees:
            self._trees[key] = tuple(self._walk(tree, folder))
        return self._trees[key]

    def _walk(self, tree: pygit2.Tree, folder: str) -> Iterator[_File]:
        import pygit2

        pipeline = tree / PIPELINE if PIPELINE in tree else None
        for item in tree:
            # A name that is not UTF-8 cannot be a pointer that DVC could read.
            name = item.name
            if name is None:
                continue
            path = posixpath.join(folder, name)
            if isinstance(item, pygit2.Tree):
                if name not in (".dvc", ".git") and not _is_dvc_root(item):
                    yield from self.files(item, path)
            elif isinstance(item, pygit2.Blob) and is_pointer_file(name) and item.filemode != pygit2.GIT_FILEMODE_LINK:
                beside = str(pipeline.id) if pipeline is not None and name == "dvc.lock" else None
                yield _File(path, str(item.id), beside)


def _is_dvc_root(tree: pygit2.Tree) -> bool:
    import pygit2

    return ".dvc" in tree and isinstance(tree / ".dvc", pygit2.Tree)


@lru_cache(maxsize=8)
def _open(common_dir: str) -> _Store:
    return _Store(open_objects(common_dir))


def open_objects(common_dir: str) -> pygit2.Repository:
    """The objects of a repository, without its configuration: libgit2 refuses some that Git takes."""
    import pygit2

    try:
        database = pygit2.Odb(str(Path(common_dir, "objects")))
        repository = pygit2.Repository()
        repository.set_odb(database)
    except pygit2.GitError as error:
        raise CPVError(f"libgit2 cannot open the repository: {error}", where=common_dir) from error
    return repository


def _files(store: _Store, project: Project, rev: str) -> tuple[_File, ...]:
    import pygit2

    tree = store.commit(project, rev).tree
    folder = Path(project.prefix).as_posix() if project.prefix else ""
    if not folder:
        return store.files(tree, "")
    try:
        below = tree[folder]
    except KeyError:
        return ()
    return store.files(below, folder) if isinstance(below, pygit2.Tree) else ()
