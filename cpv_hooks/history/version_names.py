"""What a person may call a version: its tag, the bare number, or anything that Git takes for a commit."""

from __future__ import annotations

from collections.abc import Sequence

from cpv_hooks.errors import CPVError
from cpv_hooks.git.objects import commit_of
from cpv_hooks.git.refs import TAGS
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.versions import stages


class Named(NamedTuple):
    """A commit by the name that was given for it; `tag` is the tag's where it was one."""

    name: str
    commit: str
    tag: str | None = None


def find_commit(repo: Repo, projects: Sequence[Project], name: str) -> Named:
    """The commit that a name means. A tag comes before a branch of that name; `CPVError` for what names none."""
    if stages.is_reference(name):
        name = stages.version_in(projects[0], name)
    scheme = scheme_of(projects[0].config)
    bare = [scheme.prefix(line) + name.removeprefix("v") for line in Line]
    for tag in (name, *bare):
        commit = commit_of(repo, f"{TAGS}{tag}") if tag and tag.isprintable() else None
        if commit is not None:
            return Named(tag, commit, tag)
    found = commit_of(repo, name) if name and name.isprintable() else None
    if found is None:
        fix = "name the two as separate words: dvc cpv diff A B" if ".." in name else "dvc cpv log lists them"
        raise CPVError(f"{name!r} is not a version, branch or commit", where=str(repo.top), fix=fix)
    return Named(name, found)
