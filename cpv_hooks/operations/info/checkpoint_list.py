"""The commits that have a version, with the tags of both lines side by side."""

from __future__ import annotations

from typing import TypedDict

from cpv_hooks.console.times import iso_time
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.versions import tag_refs
from cpv_hooks.versions.version import version_tags


class Listed(TypedDict):
    """A commit with versions. `timestamp` is the commit's, ISO 8601 in UTC; `message` is its subject."""

    commit: str
    timestamp: str
    message: str
    model: list[str]
    data: list[str]


def list_commits(project: Project) -> list[Listed]:
    """Every commit that has a version of either line, in the order in which the commits were made."""
    lines = {line: version_tags(project, line) for line in Line}
    commits = tag_refs.tagged_commits(project.repo)
    at: dict[str, dict[Line, list[str]]] = {}
    for line, tags in lines.items():
        for name in tags:
            at.setdefault(commits[name], {}).setdefault(line, []).append(name)
    found = [
        Listed(
            commit=commit,
            timestamp=iso_time(seconds),
            message=subject,
            model=at[commit].get(Line.MODEL, []),
            data=at[commit].get(Line.DATA, []),
        )
        for commit, seconds, subject in _headers(project, list(at))
    ]
    models, datas = ({name: place for place, name in enumerate(lines[line])} for line in (Line.MODEL, Line.DATA))

    def order(one: Listed) -> tuple[str, int, int]:
        """Commits of the same second are in the order of their versions."""
        model, data = one["model"], one["data"]
        return one["timestamp"], models[model[0]] if model else -1, datas[data[0]] if data else -1

    return sorted(found, key=order)


def _headers(project: Project, commits: list[str]) -> list[tuple[str, int, str]]:
    if not commits:
        return []
    # By standard input: thousands of commits are too long for a command line.
    args = ("rev-list", "--no-walk=unsorted", "--encoding=UTF-8", "--format=%H%x00%ct%x00%s")
    printed = project.repo.run(*args, "--stdin", input="".join(f"{commit}\n" for commit in commits))
    # Every second line is Git's own header, `commit ID`, which older ones cannot leave out.
    rows = [line.split("\0", 2) for line in printed.splitlines() if "\0" in line]
    return [(commit, int(seconds), subject) for commit, seconds, subject in rows]
