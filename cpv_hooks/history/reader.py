"""The one reader of history: every version of a repository with its commit, its pointers and its metrics.

Git's objects are read in this process, each once, kind after kind, and what was parsed of them is kept: 10,000 tagged
versions take about a second.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.git.libgit2 import open_repository, trusting
from cpv_hooks.git.objects import Reads, objects_of
from cpv_hooks.git.repo import Repo
from cpv_hooks.history import records
from cpv_hooks.project.config import KINDS, Kind
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.pointers_at import PointerReader
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.versions.tag_message import read_metrics
from cpv_hooks.versions.tag_refs import PREFIX

_MAX_BYTES = 8 << 20
"""A commit or a tag that is larger is not read."""


class ArtifactRecord(NamedTuple):
    """A pointer of a version, and the kind of its artifact."""

    kind: Kind
    pointer: Pointer


class Recorded(NamedTuple):
    """A version as history has it.

    `time` is the tag's own or, where it has none, its commit's, in seconds since the epoch; `message` is the first
    line of the tag's message, or of the commit's. `metrics` are what the tag of a model version says; `artifacts` are
    those of the version's line. `error` says why the version cannot be read; it has no artifacts then.
    """

    name: str
    line: Line
    number: tuple[int, ...]
    commit: str
    time: int
    author: str
    message: str
    metrics: Mapping[str, int | float | str]
    artifacts: tuple[ArtifactRecord, ...]
    error: CPVError | None = None


class Peeled(NamedTuple):
    """A tag's commit, and what the tag itself says, where it is annotated."""

    commit: str
    tag: records.TagObject | None


_T = TypeVar("_T")
_Tried = Mapping[str, _T | CPVError]
"""What was read under an id, or why it could not be."""
_Content = Mapping[Line, tuple[ArtifactRecord, ...]]


def read(repo: Repo, projects: Sequence[Project]) -> list[Recorded]:
    """Every version, by line and number, lowest first. The tags are those of the first project's scheme."""
    return _read(repo, projects, None)


def read_one(repo: Repo, projects: Sequence[Project], name: str) -> Recorded:
    """The version of that tag, which must be there."""
    return _read(repo, projects, name)[0]


def _read(repo: Repo, projects: Sequence[Project], only: str | None) -> list[Recorded]:
    scheme = scheme_of(projects[0].config)
    with _at_full_speed():
        history = History(repo, projects)
        named = sorted(
            (line, number, name, oid)
            for name, oid in history.tags
            for line in Line
            if only in (None, name) and (number := scheme.parse(line, name)) is not None
        )
        # Kind after kind, because a pack holds them so.
        peeled = _each(history.peel, (oid for _, _, _, oid in named))
        commits = _each(history.commit, (found.commit for found in peeled.values() if isinstance(found, Peeled)))
        contents = _each(history.content, (one.tree for one in commits.values() if isinstance(one, records.Commit)))
        return [_recorded(*one, peeled, commits, contents) for one in named]


def _each(look: Callable[[str], _T], ids: Iterable[str]) -> dict[str, _T | CPVError]:
    found: dict[str, _T | CPVError] = {}
    for oid in ids:
        if oid not in found:
            try:
                found[oid] = look(oid)
            except CPVError as error:
                found[oid] = error
    return found


def _recorded(
    line: Line,
    number: tuple[int, ...],
    name: str,
    oid: str,
    peeled: _Tried[Peeled],
    commits: _Tried[records.Commit],
    contents: _Tried[_Content],
) -> Recorded:
    found = peeled[oid]
    if isinstance(found, CPVError):
        return Recorded(name, line, number, oid, 0, "", "", {}, (), found)
    tag, commit = found.tag, commits[found.commit]
    if isinstance(commit, CPVError):
        return Recorded(name, line, number, found.commit, 0, "", "", {}, (), commit)
    content = contents[commit.tree]
    artifacts, error = ((), content) if isinstance(content, CPVError) else (content[line], None)
    return Recorded(
        name,
        line,
        number,
        found.commit,
        commit.time if tag is None or tag.time is None else tag.time,
        commit.author,
        (tag and _subject(tag.message)) or _subject(commit.message),
        read_metrics(tag.message) if tag and line is Line.MODEL else {},
        artifacts,
        error,
    )


def _subject(message: str) -> str:
    return message.lstrip("\n").partition("\n")[0]


class History:
    """A repository's tags, and what the commits that they name hold, over all its DVC roots."""

    def __init__(self, repo: Repo, projects: Sequence[Project]) -> None:
        self._repo = repo
        self._projects = projects
        library = open_repository(repo)
        self._objects: Reads = library or objects_of(repo)
        self._pointers = PointerReader(self._objects)
        self._kinds: dict[str, Kind] = {}
        self.tags: list[tuple[str, str]] = library.below(PREFIX) if library else list(_listed(repo))
        """Name and id of each tag; the id is the tag object's of an annotated one."""

    def peel(self, oid: str) -> Peeled:
        """The commit that a tag's id stands for."""
        outer: records.TagObject | None = None
        while True:
            kind, data = self._read(oid)
            if kind == "commit":
                return Peeled(oid, outer)
            tag = records.tag(data) if kind == "tag" else None
            if tag is None:
                raise CPVError("names no commit", where=str(self._repo.top), fix="git tag -d, and tag a commit")
            outer = outer or tag
            if tag.kind == "commit":
                return Peeled(tag.target, outer)
            oid = tag.target

    def commit(self, oid: str) -> records.Commit:
        """A commit."""
        kind, data = self._read(oid)
        found = records.commit(data) if kind == "commit" else None
        if found is None:
            raise CPVError(f"{oid} is not a commit", where=str(self._repo.top), fix="git fsck")
        return found

    def content(self, tree: str) -> dict[Line, tuple[ArtifactRecord, ...]]:
        """The artifacts in the tree of a commit."""
        found: dict[Line, list[ArtifactRecord]] = {line: [] for line in Line}
        for project in self._projects:
            for pointer in self._pointers.below(project, tree):
                kind = self._kinds.get(pointer.path) or self._kinds.setdefault(
                    pointer.path, project.kind_of(pointer.path)
                )
                found[_LINES[kind]].append(ArtifactRecord(kind, pointer))
        return {line: tuple(artifacts) for line, artifacts in found.items()}

    def _read(self, oid: str) -> tuple[str, bytes]:
        found = self._objects.read(oid, _MAX_BYTES)
        if found is None:
            raise CPVError(f"{oid} is not in this clone", where=str(self._repo.top), fix="git fetch --refetch")
        return found.kind, found.data or b""


_LINES: Mapping[Kind, Line] = {kind: Line.of(kind) for kind in KINDS}


def _listed(repo: Repo) -> Iterator[tuple[str, str]]:
    """The tags, by Git's own command."""
    for line in repo.run("for-each-ref", "--format=%(objectname) %(refname:strip=2)", PREFIX).splitlines():
        oid, _, name = line.partition(" ")
        yield name, oid


@contextmanager
def _at_full_speed() -> Iterator[None]:
    """Without what costs as much as the reading: looking for cycles among what is kept, hashing each object again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        with trusting():
            yield
    finally:
        if was_on:
            gc.enable()
