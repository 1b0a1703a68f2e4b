"""What commits point to, read from Git's object store and never from the work tree."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from cpv_hooks.dvcformat.pointer import POINTER_FILES, Pointer, is_pointer_file
from cpv_hooks.errors import CPVError
from cpv_hooks.git.libgit2 import reads_of
from cpv_hooks.git.objects import Reads, TreeEntry, objects_of
from cpv_hooks.git.records import parse_commit
from cpv_hooks.project.pointer_reader import PointerFile, PointerReader
from cpv_hooks.project.project import Project


def pointers_at(project: Project, rev: str) -> list[Pointer]:
    """Every pointer of a DVC root in a commit, in the order of their files.

    `CPVError` names a commit that is not there, and a pointer file that cannot be read.
    """
    store = _store(objects_of(project.repo))
    return store.below(project, store.root(project, rev))


def pointers_in_commits(project: Project, commits: Collection[str]) -> Iterator[list[Pointer] | CPVError]:
    """What `pointers_at` says of each of these commits, by their ids, or why it cannot: all are read together."""
    objects = reads_of(project.repo, len(commits))
    read = zip(commits, objects.read_all(commits), strict=True)
    made = {oid: parse_commit(found.data) for oid, found in read if found is not None and found.data is not None}
    trees = {oid: commit.tree for oid, commit in made.items() if commit is not None}
    store = PointerReader(objects)
    store.look_ahead([project], trees.values())
    for oid in commits:
        try:
            yield store.below(project, trees[oid] if oid in trees else store.root(project, oid))
        except CPVError as error:
            yield error


def pointers_in_roots(projects: Sequence[Project], rev: str) -> Iterator[Pointer]:
    """Every pointer of these DVC roots in a commit; a root of which one cannot be read is left out."""
    if not projects:
        return
    store = _store(objects_of(projects[0].repo))
    tree = store.root(projects[0], rev)
    store.look_into(projects, tree)
    for project in projects:
        found = list[Pointer]()
        with suppress(CPVError):
            found = store.below(project, tree)
        yield from found


def pointers_ever(project: Project) -> Iterator[Pointer]:
    """Every pointer of a DVC root that any commit of this clone has; those that cannot be read are left out."""
    store = _store(objects_of(project.repo))
    head = ["HEAD"] if project.repo.resolve("HEAD") else []
    listed = project.repo.run("rev-list", "--objects", "--all", *head, "--", *POINTER_FILES, check=False)
    for line in listed.splitlines():
        blob, _, path = line.partition(" ")
        if is_pointer_file(path) and project.holds(path):
            try:
                yield from store.parse(PointerFile(path, blob, None))
            except CPVError:
                continue


def is_in_commit(project: Project, rev: str, path: str) -> bool:
    """Whether Git itself holds a path (relative to the top of the work tree) in a commit."""
    store = _store(objects_of(project.repo))
    found: TreeEntry | None = TreeEntry("", store.root(project, rev), "tree", link=False)
    for name in Path(path).parts:
        found = store.child(found.oid, name) if found is not None and found.kind == "tree" else None
    return found is not None


@lru_cache(maxsize=8)
def _store(objects: Reads) -> PointerReader:
    return PointerReader(objects)
