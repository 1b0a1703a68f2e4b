"""What the trees of a history's commits hold, by line of versions; each is read when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypedDict

from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.git.objects import Reads
from cpv_hooks.history.kept_facts import KeptFacts
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.config import Kind
from cpv_hooks.project.pointer_reader import PointerReader
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line


class FileEntry(TypedDict):
    """An artifact of a version."""

    path: str
    """Relative to the top of the repository."""
    kind: Kind
    size: int | None
    """Bytes, of a directory all its files' together; None where the pointer does not say."""
    md5: str | None
    """DVC's hash, of a directory with `.dir` behind it; None for an import that was never downloaded."""
    nfiles: int | None
    """The number of files of a directory (None where its pointer does not say), 1 for a file."""


class ArtifactRecord(NamedTuple):
    """A pointer of a version, and the kind of its artifact."""

    kind: Kind
    pointer: Pointer


Content = tuple[tuple[ArtifactRecord, ...], ...]
"""The artifacts of each line, in the order of `Line`."""
PLACES = {line: place for place, line in enumerate(Line)}
"""Where a line's artifacts are."""


class Contents:
    """The artifacts of all DVC roots in trees of commits."""

    def __init__(self, projects: Sequence[Project], objects: Reads, kept: KeptFacts) -> None:
        self._projects = projects
        self._kept = kept
        self._pointers = PointerReader(objects)
        self._kinds: dict[str, tuple[int, Kind]] = {}
        self._known: dict[str, Content | CPVError] = {}

    def of(self, tree: str) -> Content | CPVError:
        """What a tree holds, or why that cannot be read."""
        found = self._known.get(tree)
        if found is None:
            try:
                found = self._read(tree)
            except CPVError as error:
                found = error
            self._known[tree] = found
        return found

    def look_ahead(self, trees: Iterable[str]) -> None:
        """Read these trees together, which takes less time than one after the other."""
        wanted = [tree for tree in dict.fromkeys(trees) if tree not in self._known]
        self._pointers.look_ahead(self._projects, [tree for tree in wanted if not self._kept.has(tree)])
        for tree in wanted:
            self.of(tree)

    def keep(self) -> None:
        """Keep what was read for later processes."""
        self._kept.save()

    def _read(self, tree: str) -> Content:
        lines: list[list[ArtifactRecord]] = [[] for _ in PLACES]
        for project in self._projects:
            for pointer in self._below(project, tree):
                place, kind = self._kinds.get(pointer.path) or self._kind(project, pointer.path)
                lines[place].append(tuple.__new__(ArtifactRecord, (kind, pointer)))
        return tuple(map(tuple, lines))

    def _below(self, project: Project, tree: str) -> Sequence[Pointer]:
        found = self._kept.pointers(tree, project.prefix)
        if found is None:
            found = self._pointers.below(project, tree)
            self._kept.add_pointers(tree, project.prefix, found)
        return found

    def _kind(self, project: Project, path: str) -> tuple[int, Kind]:
        kind = project.kind_of(path)
        return self._kinds.setdefault(path, (PLACES[Line.of(kind)], kind))


def file_entry(kind: Kind, pointer: Pointer) -> FileEntry:
    """An artifact of a version, for JSON."""
    nfiles = pointer.nfiles if pointer.isdir else 1
    return FileEntry(path=pointer.path, kind=kind, size=pointer.size, md5=pointer.oid, nfiles=nfiles)
