"""Tags that Git is about to write, all of a transaction at once: which of them are refused, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cpv_hooks.errors import CPVError, shell_word, shell_words
from cpv_hooks.git.objects import commits_of
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import line_of
from cpv_hooks.versions import checkpoint as checkpoints
from cpv_hooks.versions import tag_refs
from cpv_hooks.versions.numbering import Numbers
from cpv_hooks.versions.tag_records import Records


def check_new_tags(repo: Repo, projects: Sequence[Project], new: Mapping[str, str]) -> None:
    """Refuse tags (name to object id) of which one is malformed, backward, moves a published one, or names no version.

    Foreign names pass in silence, and so does a tag that stays what it is, or becomes again what it was when it went
    out. As many Git processes for thousands of tags as for one.
    """
    scheme = scheme_of(projects[0].config)
    lines = {name: line for name in new if (line := line_of(scheme, name))}
    if not lines:
        return
    records, existing = Records.of(repo), tag_refs.tag_oids(repo)
    numbers = Numbers(scheme, [*existing, *records.published])
    commits = commits_of(repo, (new[name] for name in lines))
    first, moving = dict[str, str](), dict[str, str]()
    for name, line in lines.items():
        oid = new[name]
        if scheme.parse(line, name) is None:
            raise numbers.malformed(line, name)
        if oid == existing.get(name) or oid in records.published_as.get(name, ()):
            continue
        if oid not in commits:
            raise CPVError(f"{name} would name no commit", where=str(repo.top), fix=f"git tag {shell_word(name)} HEAD")
        if name in records.published:
            raise _moves(name, numbers.next_free(line))
        if name in existing:
            moving[name] = existing[name]
        else:
            numbers.refuse(line, name)
        first.setdefault(commits[oid], name)
    for name in tag_refs.tags_from_remote(repo, moving, records.made):
        raise _moves(name, numbers.next_free(lines[name]))
    for commit, error in checkpoints.incomplete_commits(projects, first).items():
        raise checkpoints.cannot_be_version(first[commit], error)


def check_goes(repo: Repo, name: str, new: str) -> None:
    """Refuse that a published tag is renamed; `new` is the name that it would get."""
    if tag_refs.is_published(repo, name):
        raise _moves(name, new, name)


def _moves(name: str, *better: str) -> CPVError:
    return CPVError(f"{name} is published, and a published tag never moves", fix=f"git tag {shell_words(better)}")
