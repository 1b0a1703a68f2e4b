"""The one reader of history: every version of a repository with its commit, its pointers and its metrics.

Git's objects are read in this process, each once, kind after kind, and what was parsed of them is kept. Artifacts are
read when they are asked for: of a long history mostly the newest ones are.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from cpv_hooks.errors import CPVError
from cpv_hooks.git import records
from cpv_hooks.git.libgit2 import reads_of
from cpv_hooks.git.objects import Object, Reads
from cpv_hooks.git.refs import REPLACED, listed_once, refs_below
from cpv_hooks.git.repo import Repo
from cpv_hooks.history.kept_facts import KeptFacts, VersionFacts
from cpv_hooks.history.recorded_contents import PLACES, ArtifactRecord, Content, Contents
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.versions.tag_message import read_metrics
from cpv_hooks.versions.tag_refs import tag_oids

_MAX_BYTES = 8 << 20
"""A commit or a tag that is larger is not read."""
FEW = 100
"""Versions; of no more, what they say is read as fast as a file that keeps it."""
_MODEL = Line.MODEL


class Recorded(NamedTuple):
    """A version as history has it."""

    name: str
    line: Line
    number: tuple[int, ...]
    facts: VersionFacts
    contents: Contents

    @property
    def commit(self) -> str:
        """The commit's id; the tag's where that names none."""
        return self.facts.commit

    @property
    def time(self) -> int:
        """When it was made, in seconds since the epoch."""
        return self.facts.time

    @property
    def author(self) -> str:
        """The commit's author, `NAME <MAIL>`."""
        return self.facts.author

    @property
    def message(self) -> str:
        """The first line of the tag's message or, where it has none, of the commit's."""
        return self.facts.message

    @property
    def metrics(self) -> Mapping[str, int | float | str]:
        """What the tag of a model version says."""
        return self.facts.metrics if self.line is _MODEL else {}

    @property
    def artifacts(self) -> tuple[ArtifactRecord, ...]:
        """Those of the version's line; none where `error` says why it cannot be read."""
        found = self._read
        return () if found is None or isinstance(found, CPVError) else found[PLACES[self.line]]

    @property
    def error(self) -> CPVError | None:
        """Why the version cannot be read."""
        found = self._read
        return found if isinstance(found, CPVError) else None

    @property
    def _read(self) -> Content | CPVError | None:
        tree = self.facts.tree
        return self.facts.damage if tree is None else self.contents.of(tree)


class Peeled(NamedTuple):
    """A tag's commit, and what the tag itself says, where it is annotated."""

    commit: str
    tag: records.TagObject | None


_T = TypeVar("_T")


def read_history(repo: Repo, projects: Sequence[Project]) -> list[Recorded]:
    """Every version, by line and number, lowest first. The tags are those of the first project's scheme."""
    return _read(repo, projects, None)


def read_one(repo: Repo, projects: Sequence[Project], name: str) -> Recorded:
    """The version of that tag, which must be there."""
    return _read(repo, projects, name)[0]


def look_ahead(versions: Iterable[Recorded], *, more: bool = False) -> None:
    """Read the artifacts of these versions of one repository together, and keep what was read for later processes.

    With `more` others follow, and `keep` comes at the end.
    """
    wanted = [(one.contents, one.facts.tree) for one in versions if one.facts.tree is not None]
    if wanted:
        with _at_full_speed():
            wanted[0][0].look_ahead([tree for _, tree in wanted])
            if not more:
                wanted[0][0].keep()


def keep(versions: Sequence[Recorded]) -> None:
    """Keep what was read of a repository's versions, where it is so much that this is worth it."""
    if versions:
        versions[0].contents.keep()


def _read(repo: Repo, projects: Sequence[Project], only: str | None) -> list[Recorded]:
    scheme = scheme_of(projects[0].config)
    with _at_full_speed(), listed_once():
        tags, replaced = tag_oids(repo), refs_below(repo, REPLACED)
        named = sorted(
            (line, number, name, oid)
            for line, prefix in [(line, scheme.prefix(line)) for line in Line]
            for name, oid in tags.items()
            if name.startswith(prefix) and only in (None, name) and (number := scheme.parse(line, name)) is not None
        )
        oids = dict.fromkeys(oid for _, _, _, oid in named)
        kept = KeptFacts(repo if len(oids) > FEW and not replaced else None, oids)
        objects = reads_of(repo, kept.lacking)
        facts = History(repo, objects).facts(oids, kept)
        contents = Contents(projects, objects, kept)
        rows = ((name, line, number, facts[oid], contents) for line, number, name, oid in named)
        return [tuple.__new__(Recorded, row) for row in rows]


class History:
    """Tags of a repository, and the commits that they name."""

    def __init__(self, repo: Repo, objects: Reads) -> None:
        self._repo = repo
        self._objects = objects

    def facts(self, oids: Collection[str], kept: KeptFacts) -> dict[str, VersionFacts]:
        """What these tags and their commits say; an id is the tag object's, or the commit's of a lightweight tag."""
        found = {oid: facts for oid in oids if (facts := kept.version(oid)) is not None}
        # Kind after kind, because a pack holds them so.
        peeled = self._each(self._peel, (oid for oid in oids if oid not in found))
        commits = self._each(self._commit, (one.commit for one in peeled.values() if isinstance(one, Peeled)))
        for oid, one in peeled.items():
            found[oid] = facts = _facts(oid, one, commits)
            kept.add_version(oid, facts)
        return found

    def _each(self, look: Callable[[str, Object | None], _T], ids: Iterable[str]) -> dict[str, _T | CPVError]:
        """What `look` makes of each object, or why it cannot."""
        wanted = list(dict.fromkeys(ids))
        found: dict[str, _T | CPVError] = {}
        for oid, read in zip(wanted, self._objects.read_all(wanted, _MAX_BYTES), strict=True):
            try:
                found[oid] = look(oid, read)
            except CPVError as error:
                found[oid] = error
        return found

    def _peel(self, oid: str, found: Object | None) -> Peeled:
        """The commit that a tag's id stands for."""
        outer: records.TagObject | None = None
        while True:
            kind, data = self._content(oid, found)
            if kind == "commit":
                return Peeled(oid, outer)
            tag = records.parse_tag(data) if kind == "tag" else None
            if tag is None:
                raise CPVError("names no commit", where=str(self._repo.top), fix="git tag -d, and tag a commit")
            outer = outer or tag
            if tag.kind == "commit":
                return Peeled(tag.target, outer)
            oid = tag.target
            found = self._objects.read(oid, _MAX_BYTES)

    def _commit(self, oid: str, found: Object | None) -> records.Commit:
        kind, data = self._content(oid, found)
        commit = records.parse_commit(data) if kind == "commit" else None
        if commit is None:
            raise CPVError(f"{oid} is not a commit", where=str(self._repo.top), fix="git fsck")
        return commit

    def _content(self, oid: str, found: Object | None) -> tuple[str, bytes]:
        if found is None:
            raise CPVError(f"{oid} is not in this clone", where=str(self._repo.top), fix="git fetch --refetch")
        return found.kind, found.data or b""


def _facts(oid: str, peeled: Peeled | CPVError, commits: Mapping[str, records.Commit | CPVError]) -> VersionFacts:
    if isinstance(peeled, CPVError):
        return VersionFacts(oid, damage=peeled)
    at, tag = peeled
    commit = commits[at]
    if isinstance(commit, CPVError):
        return VersionFacts(at, damage=commit)
    tree, author, time, message = commit
    if tag is None:
        return VersionFacts(at, tree, author, time, records.subject(message))
    _, _, own, said = tag
    time = time if own is None else own
    subject = records.subject(said) or records.subject(message)
    return tuple.__new__(VersionFacts, (at, tree, author, time, subject, read_metrics(said), None))


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
