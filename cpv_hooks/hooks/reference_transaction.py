"""`reference-transaction`: `git tag v1.0` is checked before the tag exists, and backed by data once it does.

States and lines: githooks(5). Only *prepared* can refuse. Tags that a fetch brings are never refused.
"""

from __future__ import annotations

import sys

from cpv_hooks.console.output import few
from cpv_hooks.git.caller import GitProcess, calling_git
from cpv_hooks.git.refs import TAGS
from cpv_hooks.git.repo import is_null
from cpv_hooks.hooks.hook_run import begin_hook
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import line_of
from cpv_hooks.transfer.commits.by_policy import upload_by_policy
from cpv_hooks.versions import tag_records

_MAKERS = frozenset({"tag", "update-ref", "refs"})  # `git refs create|update|rename` came with Git 2.56
_STAY = frozenset({"migrate", "optimize"})  # of `git refs`: they write again what is there


def run(args: list[str]) -> int:
    """Exit status 1 in *prepared* refuses the transaction; a line says why."""
    lines = [line.split(" ", 2) for line in sys.stdin.read().splitlines()]
    new = {ref.removeprefix(TAGS): oid for _, oid, ref in lines if ref.startswith(TAGS) and not is_null(oid)}
    git = calling_git()
    renamed = _renamed(git, lines)
    if renamed:
        new[renamed.new] = renamed.oid
    if not new or args[:1] not in (["prepared"], ["committed"]) or not _makes_tags(git):
        return 0
    repo = begin_hook()
    projects = Project.find_all(repo)
    if not projects:
        return 0
    scheme = scheme_of(projects[0].config)
    # A batch may hold thousands of tags, of which none need be our business.
    ours = {name: oid for name, oid in new.items() if line_of(scheme, name)}
    if args[0] == "prepared":
        from cpv_hooks.versions import new_tags

        new_tags.check_new_tags(repo, projects, ours)
        if renamed and line_of(scheme, renamed.old):
            new_tags.check_goes(repo, renamed.old, renamed.new)
    elif ours:
        from cpv_hooks.events.outbox import emit_tagged
        from cpv_hooks.git.objects import commits_of

        tag_records.note_made(repo, ours)
        emit_tagged(repo.top, ours)
        commits = commits_of(repo, ours.values())
        upload_by_policy(repo, projects, list(dict.fromkeys(commits.values())), f"tag {few(list(ours))}")
    return 0


def _makes_tags(git: GitProcess | None) -> bool:
    return git is None or (
        git.command in _MAKERS and not (git.command == "refs" and _STAY.intersection(git.words[1:2]))
    )


class _Renamed(NamedTuple):
    """What `git refs rename OLD NEW` does to a tag: Git shows the hook only that OLD goes."""

    old: str
    new: str
    oid: str


def _renamed(git: GitProcess | None, lines: list[list[str]]) -> _Renamed | None:
    if git is None or git.words[:2] != ("refs", "rename"):
        return None
    old, new = [*(word for word in git.words[2:] if word.startswith("refs/")), "", ""][:2]
    gone = next((oid for oid, after, ref in lines if ref == old and is_null(after) and not is_null(oid)), None)
    if gone is None or not new.startswith(TAGS):
        return None
    return _Renamed(old.removeprefix(TAGS), new.removeprefix(TAGS), gone)
