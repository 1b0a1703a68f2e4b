"""Automatic numbers that somebody else published first, or that would go out without their branch.

Git says nothing of either. `push.followTags` passes over a tag whose name the host has already, whoever made it; and
where the host refuses a branch that moved on, the tags of its new commits go out all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from cpv_hooks.git.refs import TAGS
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.project import Project
from cpv_hooks.versions import tag_records

if TYPE_CHECKING:
    from cpv_hooks.versions.tag_refs import Tag

_BRANCHES = "%(refname) %(objectname) %(upstream:remotename) %(upstream:remoteref)"


def unpublished_tags(repo: Repo, commits: Collection[str] = (), names: Collection[str] = ()) -> list[Tag]:
    """The automatic tags of these commits, or of these names, that are this clone's own and not published."""
    from cpv_hooks.versions.tag_refs import read_tags

    sent, made = tag_records.published_names(repo), tag_records.tags_made_here(repo)
    own = {line.partition(" ")[2] for line in made} - sent
    return [
        tag
        for tag in read_tags(repo, names=own)
        if (tag.commit in commits or tag.name in names)
        and tag.info.automatic
        and tag.info.line is not None
        and f"{tag.oid} {tag.name}" in made
    ]


def renumber_lost(repo: Repo, project: Project, own: Sequence[Tag], host: Mapping[str, str]) -> dict[str, str]:
    """Give those whose names the host has for somebody else's tags the next numbers, and all that follow them too.

    `own` are loose tags, `host` is what the host has (ref to object id). Returns old name to new name.
    """
    lost = [tag for tag in own if host.get(TAGS + tag.name) not in (None, tag.oid)]
    tag_records.mark_published(repo, {tag.name: tag.oid for tag in own if host.get(TAGS + tag.name) == tag.oid})
    if not lost:
        return {}
    from cpv_hooks.versions import tags

    scheme = scheme_of(project.config)
    names: list[str] = []
    for line in dict.fromkeys(tag.info.line for tag in lost if tag.info.line):
        numbers = {tag.name: scheme.parse(line, tag.name) or () for tag in own if tag.info.line == line}
        first = min(numbers[tag.name] for tag in lost if tag.info.line == line)
        names += sorted((name for name, number in numbers.items() if number >= first), key=lambda name: numbers[name])
    taken = {ref.removeprefix(TAGS) for ref in host if ref.startswith(TAGS)}
    return tags.renumber_tags(repo, project, names, taken) if names else {}


def moved_on(repo: Repo, tags: Sequence[Tag], remote: str, host: Mapping[str, str]) -> dict[str, str]:
    """The tags whose branch has other commits on the host than here, each with the host's name of that branch."""
    from cpv_hooks.versions.tag_refs import commits_outside

    found: dict[str, str] = {}
    for line in repo.run("for-each-ref", f"--format={_BRANCHES}", "refs/heads").splitlines():
        branch, oid, upstream, merged = line.split(" ")
        ref = merged if merged and upstream == remote else branch
        tip = host.get(ref)
        if tip is None or tip == oid or repo.ok("merge-base", "--is-ancestor", tip, oid):
            continue
        outside = commits_outside(repo, {tag.commit for tag in tags}, [oid])
        for tag in tags:
            if tag.commit not in outside:
                found.setdefault(tag.name, ref.removeprefix("refs/heads/"))
    return found
