"""`pre-push`: no ref leaves before all that it points to is on the remote, verified.

All of standard input is read: lines `LOCAL-REF LOCAL-OID REMOTE-REF REMOTE-OID` (githooks(5)).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import NamedTuple

from cpv_hooks.console.output import fail, say
from cpv_hooks.errors import CPVError
from cpv_hooks.git.caller import calling_git
from cpv_hooks.git.repo import Repo
from cpv_hooks.hooks.hook_run import begin_hook, interrupted
from cpv_hooks.project.expected import project_for
from cpv_hooks.project.left_out import places_left_out
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import line_of
from cpv_hooks.sync.watch_file import known_roots
from cpv_hooks.transfer.commits import catch_up
from cpv_hooks.transfer.commits.upload_commits import ensure_uploaded, unversioned
from cpv_hooks.versions import lost_races, pushed_tags
from cpv_hooks.versions.tag_refs import Tag

_TAGS = "refs/tags/"
Answers = dict[str, Mapping[str, str] | None]
"""What the Git remotes that were asked have (ref to object id), by their names; None of one that did not answer."""


class Update(NamedTuple):
    """One ref of the push."""

    local: str
    oid: str
    remote: str
    remote_oid: str


def run(args: list[str]) -> int:
    """Exit status 1 stops the push."""
    repo = begin_hook()
    updates = _from_input(sys.stdin.read()) or _from_precommit()
    updates = [update for update in updates if set(update.oid) != {"0"}]
    if interrupted(repo):
        return 1
    projects = Project.find_all(repo)
    remote = args[0] if args else os.environ.get("PRE_COMMIT_REMOTE_NAME", "")
    absent = places_left_out(repo, projects, known_roots(repo))
    if not absent:
        return _check(repo, projects, updates, remote)
    from cpv_hooks.project.laid_out_roots import laid_out

    # Published is what the commits say, whatever the work tree holds just now.
    with laid_out(repo, [update.oid for update in updates], absent) as more:
        return _check(repo, projects + more, updates, remote)


def _check(repo: Repo, projects: list[Project], updates: list[Update], remote: str) -> int:
    if not projects or not remote:
        return 0
    answers: Answers = {}
    if _raced(repo, projects[0], updates, remote, answers) or _breaks_a_line(repo, projects, updates, remote, answers):
        return 1
    had = [update.remote_oid for update in updates if repo.resolve(update.remote_oid or "-")]
    if not updates:
        catch_up.with_pushes(projects)
        return 0
    if _breaks_a_version(projects, updates):
        return 1
    unnamed = [line for project in projects for line in _unnamed(repo, project, updates, remote)]
    if unnamed:
        for line in unnamed:
            fail(CPVError(line, fix="dvc cpv sync, git commit, then push again"))
        return 1
    missing = [gap for project in projects for gap in _gaps(repo, project, updates, remote)]
    versioned = any(project.keeps_versions for project in projects)
    mend = "dvc cpv sync, git commit --amend, then push again" if versioned else "dvc cpv sync, then push again"
    for line in missing[:10]:
        fail(CPVError(line, fix=mend))
    if len(missing) > 10:
        fail(CPVError(f"and {len(missing) - 10} more objects are not on the DVC remote", fix=mend))
    if missing:
        return 1
    if _breaks_a_stage(repo, projects, updates):
        return 1
    catch_up.with_pushes(projects, had, [update.oid for update in updates])
    # Only the host knows what will become of them.
    pushed_tags.note_pushed(repo, remote, {name: update.oid for name, update in _tags(updates).items()})
    return 0


def _breaks_a_line(repo: Repo, projects: list[Project], updates: list[Update], remote: str, answers: Answers) -> bool:
    """Whether a tag of our lines goes out that `git tag` would have refused; says which, and the command for each."""
    versions = _of_lines(projects, updates)
    if not versions:
        return False
    from cpv_hooks.versions import unseen_tags

    leaving = [unseen_tags.Leaving(name, update.oid, update.remote_oid) for name, update in versions.items()]
    errors = unseen_tags.refuse_unseen_tags(repo, projects, leaving, remote, lambda name: _ask(repo, name, answers))
    for error in errors:
        fail(error)
    return bool(errors)


def _of_lines(projects: list[Project], updates: list[Update]) -> dict[str, Update]:
    scheme = scheme_of(projects[0].config)
    return {name: update for name, update in _tags(updates).items() if line_of(scheme, name)}


def _ask(repo: Repo, remote: str, answers: Answers) -> Mapping[str, str]:
    if remote not in answers:
        answers[remote] = pushed_tags.on_host(repo, remote)
    return answers[remote] or {}


def _breaks_a_version(projects: list[Project], updates: list[Update]) -> bool:
    """Whether the push says of a version without its data that it is no longer retired; says which one."""
    tags = _tags(updates)
    if not tags:
        return False
    from cpv_hooks.transfer.commits import unretired

    errors = [error for project in projects for error in unretired.upload_unretired(project, tags)]
    for error in errors:
        fail(error)
    return bool(errors)


def _breaks_a_stage(repo: Repo, projects: list[Project], updates: list[Update]) -> bool:
    """Whether a tag takes a version into a stage whose rule does not allow it; says which one."""
    tags = {name: update.oid for name, update in _tags(updates).items() if "#" in name}
    if not tags:
        return False
    from cpv_hooks.history.promotion import refuse_stage_push

    errors = refuse_stage_push(repo, projects, tags)
    for error in errors:
        fail(error)
    return bool(errors)


def _tags(updates: list[Update]) -> dict[str, Update]:
    return {update.remote.removeprefix(_TAGS): update for update in updates if update.remote.startswith(_TAGS)}


def _from_input(text: str) -> list[Update]:
    return [Update(*line.split(" ")) for line in text.splitlines() if line.count(" ") == 3]


def _from_precommit() -> list[Update]:
    """pre-commit hands on one ref, in its environment."""
    oid = os.environ.get("PRE_COMMIT_TO_REF")
    if not oid:
        return []
    remote = os.environ.get("PRE_COMMIT_REMOTE_BRANCH", "")
    return [
        Update(os.environ.get("PRE_COMMIT_LOCAL_BRANCH", ""), oid, remote, os.environ.get("PRE_COMMIT_FROM_REF", ""))
    ]


def _new_commits(repo: Repo, updates: list[Update], remote: str) -> list[str]:
    tips = [update.oid for update in updates]
    # What the Git host has was complete when it went there. A remote given by its URL has no such refs.
    known = [f"--remotes={remote}"] if remote and repo.config(f"remote.{remote}.url") else []
    have = [update.remote_oid for update in updates if repo.resolve(update.remote_oid or "-")]
    return repo.run("rev-list", *tips, "--not", *known, *have).split()


def _unnamed(repo: Repo, project: Project, updates: list[Update], remote: str) -> list[str]:
    """Refs that plain DVC could not read on a remote that keeps versions: their pointers do not say which ones."""
    if not project.keeps_versions:
        return []
    new = set(_new_commits(repo, updates, remote))
    tips = {update.local or update.remote: repo.resolve(update.oid) for update in updates}
    return [
        f"{pointer.path}: has no uploaded version on the DVC remote {project_for(project, pointer).remote_url} ({ref})"
        for ref, tip in tips.items()
        if tip in new
        for pointer in unversioned(project, tip)
    ]


def _gaps(repo: Repo, project: Project, updates: list[Update], remote: str) -> list[str]:
    """Upload what the new commits point to; returns a line for each object that is still missing.

    A version's commit that the host has may have got there without CPV.
    """
    commits = _new_commits(repo, updates, remote)
    found = (repo.resolve(update.oid) for update in updates if not update.remote.startswith(_TAGS))
    tips = {tip for tip in found if tip}
    if again := tips.difference(commits):
        from cpv_hooks.transfer.commits import unretired

        # A branch needs content of retired versions that is gone since the host got the commit.
        commits += unretired.with_retired_content(project, again)
    if versions := _of_lines([project], updates):
        from cpv_hooks.git.objects import commits_of
        from cpv_hooks.versions import unseen_tags

        tagged = commits_of(repo, [update.oid for update in versions.values()]).values()
        ours = unseen_tags.managed_commits(repo, [project], set(tagged))
        commits = list(dict.fromkeys([*commits, *(commit for commit in tagged if commit in ours)]))
    if not commits:
        return []
    missing = ensure_uploaded(project, commits, announce=True, tips=tips)
    return [f"{gap.path}: object {gap.oid} is not on the DVC remote {gap.remote}" for gap in missing]


def _raced(repo: Repo, project: Project, updates: list[Update], remote: str, answers: Answers) -> bool:
    """Whether the push has to be said again: somebody else took the name of an automatic tag, or its branch moved on.

    The host is asked where Git does not tell: of tags that left before, of new ones that are not in this push, and of
    those that go without a branch.
    """
    back = pushed_tags.settle_pushed(repo, answers)
    new = set(_new_commits(repo, updates, remote)) if updates else set()
    own = lost_races.unpublished_tags(repo, new, {*back, *_tags(updates)}) if new or back or updates else []
    if not own:
        return False
    going = _tags(updates)
    leaving = [tag for tag in own if tag.name in going or tag.commit in new]
    alone = [tag for tag in leaving if not _with_branch(repo, tag, updates, remote)]
    host = {_TAGS + name: update.remote_oid for name, update in going.items() if set(update.remote_oid) != {"0"}}
    if alone or any(tag.name not in going for tag in own):
        host |= _ask(repo, remote, answers)
    renamed = lost_races.renumber_lost(repo, project, own, host)
    if renamed:
        from cpv_hooks.events.outbox import emit_tagged

        emit_tagged(repo.top, renamed.values())
    for old, name in renamed.items():
        if _TAGS + old in host:
            fail(
                CPVError(f"{old} already exists on the remote; your tag was renumbered to {name}", fix="git push again")
            )
        else:
            say(f"{old} was renumbered to {name}, because it comes after a renumbered tag")
    behind = {tag.name: lost_races.moved_on(repo, tag, remote, host) for tag in alone}
    for name, branch in behind.items():
        if branch:
            what = f"{remote}/{branch} has new commits: {renamed.get(name, name)} would be pushed without its branch"
            fail(CPVError(what, fix="git pull --rebase, then git push again"))
    # A tag that a person made is Git's to refuse.
    return bool(renamed) or any(behind.values())


def _with_branch(repo: Repo, tag: Tag, updates: list[Update], remote: str) -> bool:
    """Whether the tag's commit is in a branch of the push, or in one that the remote has."""
    tips = [update.oid for update in updates if not update.remote.startswith(_TAGS) and not _refused(repo, update)]
    if any(repo.ok("merge-base", "--is-ancestor", tag.commit, tip) for tip in tips):
        return True
    args = ("--count=1", "--format=x", f"--contains={tag.commit}", f"refs/remotes/{remote}")
    return bool(repo.run("for-each-ref", *args, check=False))


def _refused(repo: Repo, update: Update) -> bool:
    """Whether Git has refused this branch already: it shows us the one that it wants to be fetched first."""
    if set(update.remote_oid) == {"0"} or repo.resolve(update.remote_oid):
        return False
    git = calling_git()
    forced = [word for word in (git.words if git else ()) if word.startswith(("-f", "--force", "--mirror", "+"))]
    return not forced
