"""Versions in Git's history: what a commit and its tag say, and which version of each line a commit has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from cpv_hooks.console.times import iso_time
from cpv_hooks.dvcformat.pointer import Named, Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.git import records
from cpv_hooks.git.objects import objects_of
from cpv_hooks.git.refs import TAGS
from cpv_hooks.history.version_metrics import tag_object
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.versions import stages
from cpv_hooks.versions.version import Version, pointers_of, resolve_version, version_tags


class HistoryMetadata(TypedDict):
    """What Git knows about a version."""

    timestamp: str
    """When the version was made, ISO 8601 in UTC: the tag's own time, or its commit's where the tag has none."""
    commit: str
    """The full id of the commit that the tag names."""
    commit_timestamp: str
    """When the commit was made, ISO 8601 in UTC."""
    author: str
    """The commit's author, `NAME <MAIL>`."""
    message: str
    """The first line of the tag's message, or of the commit's where the tag has none."""
    commit_message: str
    """All of the commit's message."""


class VersionPart(NamedTuple):
    """One line's content in a commit, and the tag that names it, if one does."""

    version: Version
    tag: str | None


def version_history(project: Project, commit: str, tag: str | None) -> HistoryMetadata:
    """Read a commit and, where one is given, the tag that names it (annotated or lightweight)."""
    found = objects_of(project.repo).read(commit)
    made = records.parse_commit(found.data) if found is not None and found.data else None
    if made is None:
        raise CPVError(f"{commit} is not a commit", where=str(project.repo.top), fix="git fsck")
    said = tag_object(project.repo, tag) if tag else None
    time = said.time if said is not None and said.time is not None else made.time
    return HistoryMetadata(
        timestamp=iso_time(time),
        commit=commit,
        commit_timestamp=iso_time(made.time),
        author=made.author,
        message=(records.subject(said.message) if said is not None else "") or records.subject(made.message),
        commit_message=made.message.strip("\n"),
    )


def version_of_either_line(project: Project, tag: str | None) -> Version:
    """The version of either line that a name means; without a name the one that was made last.

    A bare number means the model's version where both lines have it. `CPVError` for what neither line has.
    """
    if tag is None:
        found = [resolve_version(project, line, None) for line in Line if version_tags(project, line)]
        if not found:
            return resolve_version(project, Line.MODEL, None)
        return max(found, key=lambda version: version_history(project, version.commit, version.name)["timestamp"])
    if stages.is_reference(tag):
        return resolve_version(project, Line.MODEL, tag)
    for line in Line:
        if tag in version_tags(project, line):
            return resolve_version(project, line, tag)
    failure: CPVError | None = None
    for line in Line:
        try:
            return resolve_version(project, line, tag)
        except CPVError as error:
            failure = failure or error
    assert failure is not None
    raise failure


def as_of(project: Project, line: Line, version: Version) -> VersionPart | None:
    """What a line holds in a version's commit, under the latest tag up to there that has the same content."""
    pointers = pointers_of(project, line, version.commit)
    if not pointers:
        return None
    if version.line is line:
        return VersionPart(version, version.name)
    content = _content(pointers)
    for name in reversed(_up_to(project, line, version.commit)):
        found = resolve_version(project, line, name)
        if _content(found.pointers) == content:
            return VersionPart(found, name)
    return VersionPart(version._replace(line=line, pointers=pointers), None)


def _up_to(project: Project, line: Line, commit: str) -> list[str]:
    """The line's tags on a commit and its ancestors, lowest version first."""
    printed = project.repo.run("for-each-ref", "--format=%(refname:strip=2)", f"--merged={commit}", TAGS)
    merged = set(printed.splitlines())
    return [name for name in version_tags(project, line) if name in merged]


def _content(pointers: Sequence[Pointer]) -> set[tuple[str, Named]]:
    return {(pointer.path, pointer.named) for pointer in pointers}
