"""Versions in Git's history: what a commit and its tag say, and which version of each line a commit has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from cpv_hooks.console.times import iso_time
from cpv_hooks.dvcformat.pointer import Named, Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.versions import stages, tag_refs
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
    # `rev-list`, because `log` obeys log.showSignature; its first line names the commit.
    args = ("rev-list", "-1", "--encoding=UTF-8", "--format=%ct%x00%an <%ae>%x00%B", "--end-of-options", commit)
    text = project.repo.run(*args).partition("\n")[2]
    seconds, author, body = [*text.split("\0", 2), "", ""][:3]
    made, subject = _of_tag(project, tag) if tag else ("", "")
    commit_message = _text(body.strip("\n"))
    return HistoryMetadata(
        timestamp=iso_time(int(made or seconds)),
        commit=commit,
        commit_timestamp=iso_time(int(seconds)),
        author=_text(author),
        message=_text(subject) or commit_message.partition("\n")[0],
        commit_message=commit_message,
    )


def _of_tag(project: Project, tag: str) -> tuple[str, str]:
    """The time (seconds since 1970) and the subject of an annotated tag; nothing for a lightweight one."""
    form = "%(objecttype)%00%(taggerdate:unix)%00%(contents:subject)"
    printed = project.repo.run("for-each-ref", f"--format={form}", f"{tag_refs.PREFIX}{tag}")
    kind, seconds, subject = [*printed.rstrip("\n").split("\0", 2), "", ""][:3]
    return (seconds, subject) if kind == "tag" else ("", "")


def _text(raw: str) -> str:
    """Bytes that are no UTF-8 stay readable, and JSON takes them."""
    return raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


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
    printed = project.repo.run("for-each-ref", "--format=%(refname:strip=2)", f"--merged={commit}", tag_refs.PREFIX)
    merged = set(printed.splitlines())
    return [name for name in version_tags(project, line) if name in merged]


def _content(pointers: Sequence[Pointer]) -> set[tuple[str, Named]]:
    return {(pointer.path, pointer.named) for pointer in pointers}
