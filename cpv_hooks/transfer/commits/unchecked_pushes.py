"""Commits that left this machine without CPV's check: its hooks were bypassed, or another tool's ran instead.

What a Git remote has is compared with what is known to be complete on the DVC remote (`upload_queue`). The reflog of a
remote-tracking ref tells what brought each value: what a fetch brought is its sender's to answer for, anything else was
pushed from here, and if no `pre-push` of ours noted it as complete, nobody has looked at it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.git.repo import Repo, is_null
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.project import Project, root_key
from cpv_hooks.system.atomic_files import write_atomic
from cpv_hooks.transfer.objects.upload_queue import Queue

# What Git writes into the reflog of a remote-tracking ref that it brought from the remote.
_BROUGHT = ("fetch", "pull", "clone", "remote")


class _Value(NamedTuple):
    """A value that a ref got: what it named before and after, and whether a fetch brought it."""

    old: str
    new: str
    brought: bool


def unchecked_commits(project: Project, had: Collection[str] = ()) -> list[str]:
    """The commits that a Git remote has and that were pushed from here unchecked.

    `had` are commits that a remote said it has (`pre-push` is told), for one that has no remote-tracking refs.
    """
    repo, known = project.repo, _known(project)
    tips = remote_tips(repo)
    found: dict[str, None] = {}
    unknown = [oid for oid in had if oid not in known]
    if unknown:
        found |= dict.fromkeys(_between(repo, unknown, [*tips.values(), *known]))
    histories = {ref: _history(repo, ref, oid) for ref, oid in tips.items() if oid not in known}
    # Before anything was noted, what no push from here has touched is as complete as whoever sent it left it.
    trusted = known or {tips[ref] for ref, values in histories.items() if all(value.brought for value in values)}
    for ref, values in histories.items():
        if tips[ref] not in trusted:
            for old, new in _pushed(values, known):
                found |= dict.fromkeys(_between(repo, [new], [old, *trusted]))
    return list(found)


def commits_nowhere_else(project: Project) -> list[str]:
    """The commits of branches, tags and HEAD that no remote has and that are not known to be complete."""
    repo = project.repo
    return _between(repo, _local_tips(repo), [*remote_tips(repo).values(), *_known(project)])


def note_checked(project: Project, commits: Collection[str] = (), *, local: bool = False) -> None:
    """Note that all which Git's remotes have is complete, and these commits; with `local` all that is here."""
    tips = {*remote_tips(project.repo).values(), *commits, *(_local_tips(project.repo) if local else ())}
    Queue.of(project.repo).note_complete(root_key(project), _remote(project), tips)
    # For the `pre-push` shim, which need not start Python where nothing has moved since.
    write_atomic(project.repo.shared / state_files.PUSHES_CHECKED, b"")


def remote_tips(repo: Repo) -> dict[str, str]:
    """Remote-tracking ref to what it names."""
    listed = repo.run("for-each-ref", "--format=%(refname) %(objectname) %(symref)", "refs/remotes").splitlines()
    rows = (line.split(" ") for line in listed)
    return {ref: oid for ref, oid, *symref in rows if not any(symref)}


def _local_tips(repo: Repo) -> list[str]:
    head = repo.resolve("HEAD")
    listed = repo.run("for-each-ref", "--format=%(objectname)", "refs/heads", "refs/tags").split()
    return list(dict.fromkeys([*listed, *([head] if head else [])]))


def has_notes(project: Project) -> bool:
    """Whether anything was noted as complete since CPV was installed here."""
    return bool(_known(project))


def _known(project: Project) -> set[str]:
    return Queue.of(project.repo).complete(root_key(project), _remote(project))


def _remote(project: Project) -> str:
    """The name of a DVC remote in the record, without what its URL may hold of secrets."""
    from cpv_hooks.console.redact import redact

    return redact(project.remote_url or "")


def _between(repo: Repo, tips: Sequence[str], known: Collection[str]) -> list[str]:
    lines = [*tips, *(f"^{oid}" for oid in known if not is_null(oid))]
    # What was removed by `git gc` since is passed over.
    listed = repo.run("rev-list", "--ignore-missing", "--stdin", input="".join(f"{line}\n" for line in lines))
    return listed.split()


def _pushed(values: Sequence[_Value], known: Collection[str]) -> Iterator[tuple[str, str]]:
    """The spans in which a ref was moved by pushes since it was last known to be complete: from where, to where."""
    since = max((at for at, value in enumerate(values) if value.new in known), default=-1) + 1
    for brought, group in groupby(values[since:], key=lambda value: value.brought):
        span = list(group)
        if not brought:
            yield span[0].old, span[-1].new


def _history(repo: Repo, ref: str, oid: str) -> list[_Value]:
    """What a ref named, oldest first.

    Git's own file is read, whose lines are `OLD NEW WHO WHEN<TAB>WHAT`: a process for each of a thousand branches would
    take seconds. A clone writes none, for refs that nothing has moved since; a reflog may also be switched off.
    """
    try:
        text = os.fsdecode(Path(repo.common_dir, "logs", ref).read_bytes())
    except OSError:
        text = ""
    values = []
    for line in text.splitlines():
        ids, _, what = line.partition("\t")
        old, new, *_ = [*ids.split(" ", 2), "", ""]
        values.append(_Value(old, new, what.startswith(_BROUGHT)))
    if not values or values[-1].new != oid:
        is_packed = not values and not Path(repo.common_dir, ref).exists()
        values.append(_Value(values[-1].new if values else "0" * len(oid), oid, is_packed))
    return values
