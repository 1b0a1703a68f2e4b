"""The one reader of history: every version of a repository with its commit, its pointers and its metrics.

Git's objects are read in this process, each once, kind after kind, and what was parsed of them is kept. Artifacts are
read when they are asked for: of a long history mostly the newest ones are.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from cpv_hooks.errors import CPVError
from cpv_hooks.git.libgit2 import open_repository
from cpv_hooks.git.objects import Object, Reads, objects_of
from cpv_hooks.git.repo import Repo
from cpv_hooks.history import records
from cpv_hooks.history.contents import PLACES, ArtifactRecord, Contents
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.versions.tag_message import read_metrics
from cpv_hooks.versions.tag_refs import PREFIX

_MAX_BYTES = 8 << 20
"""A commit or a tag that is larger is not read."""
_MANY = 1000
"""Tags; of fewer, Git's own process has told all before libgit2's module is loaded."""
_MODEL = Line.MODEL


class Recorded(NamedTuple):
    """A version as history has it.

    `time` is the tag's own or, where it has none, its commit's, in seconds since the epoch; `messages` are the tag's
    and the commit's. `tree` is the commit's in `contents`; None where `damage` says why the version cannot be read.
    """

    name: str
    line: Line
    number: tuple[int, ...]
    commit: str
    contents: Contents
    time: int = 0
    author: str = ""
    messages: tuple[str, str] = ("", "")
    tree: str | None = None
    damage: CPVError | None = None

    @property
    def message(self) -> str:
        """The first line of the tag's message or, where it has none, of the commit's."""
        return next(filter(None, map(_subject, self.messages)), "")

    @property
    def metrics(self) -> Mapping[str, int | float | str]:
        """What the tag of a model version says."""
        return read_metrics(self.messages[0]) if self.line is _MODEL else {}

    @property
    def artifacts(self) -> tuple[ArtifactRecord, ...]:
        """Those of the version's line; none where `error` says why it cannot be read."""
        found = self.damage if self.tree is None else self.contents.of(self.tree)
        return () if found is None or isinstance(found, CPVError) else found[PLACES[self.line]]

    @property
    def error(self) -> CPVError | None:
        """Why the version cannot be read."""
        found = self.damage if self.tree is None else self.contents.of(self.tree)
        return found if isinstance(found, CPVError) else None


class Peeled(NamedTuple):
    """A tag's commit, and what the tag itself says, where it is annotated."""

    commit: str
    tag: records.TagObject | None


_T = TypeVar("_T")
_Tried = Mapping[str, _T | CPVError]
"""What was read under an id, or why it could not be."""


def read(repo: Repo, projects: Sequence[Project]) -> list[Recorded]:
    """Every version, by line and number, lowest first. The tags are those of the first project's scheme."""
    return _read(repo, projects, None)


def read_one(repo: Repo, projects: Sequence[Project], name: str) -> Recorded:
    """The version of that tag, which must be there."""
    return _read(repo, projects, name)[0]


def look_ahead(versions: Iterable[Recorded]) -> None:
    """Read the artifacts of these versions of one repository together."""
    wanted = [(one.contents, one.tree) for one in versions if one.tree is not None]
    if wanted:
        with _at_full_speed():
            wanted[0][0].look_ahead(tree for _, tree in wanted)


def _read(repo: Repo, projects: Sequence[Project], only: str | None) -> list[Recorded]:
    scheme = scheme_of(projects[0].config)
    with _at_full_speed():
        history = History(repo)
        named = sorted(
            (line, number, name, oid)
            for line in Line
            for name, oid in history.tags
            if only in (None, name) and (number := scheme.parse(line, name)) is not None
        )
        # Kind after kind, because a pack holds them so.
        peeled = history.each(history.peel, (oid for _, _, _, oid in named))
        commits = history.each(history.commit, (one.commit for one in peeled.values() if isinstance(one, Peeled)))
        contents = Contents(projects, history.objects)
        return [_recorded(*one, peeled, commits, contents) for one in named]


def _recorded(
    line: Line,
    number: tuple[int, ...],
    name: str,
    oid: str,
    peeled: _Tried[Peeled],
    commits: _Tried[records.Commit],
    contents: Contents,
) -> Recorded:
    found = peeled[oid]
    if isinstance(found, CPVError):
        return Recorded(name, line, number, oid, contents, damage=found)
    oid, tag = found
    commit = commits[oid]
    if isinstance(commit, CPVError):
        return Recorded(name, line, number, oid, contents, damage=commit)
    tree, author, time, message = commit
    if tag is None:
        return Recorded(name, line, number, oid, contents, time, author, ("", message), tree)
    own = time if tag.time is None else tag.time
    return Recorded(name, line, number, oid, contents, own, author, (tag.message, message), tree)


def _subject(message: str) -> str:
    return message.lstrip("\n").partition("\n")[0]


class History:
    """A repository's tags, and the commits that they name."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo
        self.tags = list(_listed(repo))
        """Name and id of each tag; the id is the tag object's of an annotated one."""
        library = open_repository(repo) if len(self.tags) > _MANY else None
        self.objects: Reads = library or objects_of(repo)

    def each(self, look: Callable[[str, Object | None], _T], ids: Iterable[str]) -> dict[str, _T | CPVError]:
        """What `look` makes of each object, or why it cannot."""
        wanted = list(dict.fromkeys(ids))
        found: dict[str, _T | CPVError] = {}
        for oid, read in zip(wanted, self.objects.read_all(wanted, _MAX_BYTES), strict=True):
            try:
                found[oid] = look(oid, read)
            except CPVError as error:
                found[oid] = error
        return found

    def peel(self, oid: str, found: Object | None) -> Peeled:
        """The commit that a tag's id stands for."""
        outer: records.TagObject | None = None
        while True:
            kind, data = self._content(oid, found)
            if kind == "commit":
                return Peeled(oid, outer)
            tag = records.tag(data) if kind == "tag" else None
            if tag is None:
                raise CPVError("names no commit", where=str(self._repo.top), fix="git tag -d, and tag a commit")
            outer = outer or tag
            if tag.kind == "commit":
                return Peeled(tag.target, outer)
            oid = tag.target
            found = self.objects.read(oid, _MAX_BYTES)

    def commit(self, oid: str, found: Object | None) -> records.Commit:
        """A commit."""
        kind, data = self._content(oid, found)
        commit = records.commit(data) if kind == "commit" else None
        if commit is None:
            raise CPVError(f"{oid} is not a commit", where=str(self._repo.top), fix="git fsck")
        return commit

    def _content(self, oid: str, found: Object | None) -> tuple[str, bytes]:
        if found is None:
            raise CPVError(f"{oid} is not in this clone", where=str(self._repo.top), fix="git fetch --refetch")
        return found.kind, found.data or b""


def _listed(repo: Repo) -> Iterator[tuple[str, str]]:
    for line in repo.run("for-each-ref", "--format=%(objectname) %(refname:strip=2)", PREFIX).splitlines():
        oid, _, name = line.partition(" ")
        yield name, oid


@contextmanager
def _at_full_speed() -> Iterator[None]:
    """Without looking for cycles among what is kept, which costs as much as the reading."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
