"""`pre-push`: no ref leaves before all that it points to is on the remote, verified.

All of standard input is read: lines `LOCAL-REF LOCAL-OID REMOTE-REF REMOTE-OID` (githooks(5)).
"""

from __future__ import annotations

import os
import sys

from cpv_hooks.console.output import fail, say
from cpv_hooks.errors import CPVError
from cpv_hooks.git.refs import TAGS
from cpv_hooks.git.repo import is_null
from cpv_hooks.hooks.hook_run import begin_hook, interrupted
from cpv_hooks.hooks.push import Push, Update, updates_from
from cpv_hooks.project.expected import project_for
from cpv_hooks.project.left_out import places_left_out
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import line_of
from cpv_hooks.sync.watch_file import known_roots
from cpv_hooks.transfer.commits import catch_up
from cpv_hooks.transfer.commits.upload_commits import ensure_uploaded, unversioned
from cpv_hooks.versions import lost_races, pushed_tags


def run(args: list[str]) -> int:
    """Exit status 1 stops the push."""
    repo = begin_hook()
    updates = updates_from(sys.stdin.read())
    if interrupted(repo):
        return 1
    projects = Project.find_all(repo)
    remote = args[0] if args else os.environ.get("PRE_COMMIT_REMOTE_NAME", "")
    push = Push(repo, updates, remote)
    absent = places_left_out(repo, projects, known_roots(repo))
    if not absent:
        return _check(push, projects)
    from cpv_hooks.project.laid_out_roots import laid_out

    # Published is what the commits say, whatever the work tree holds just now.
    with laid_out(repo, [update.oid for update in updates], absent) as more:
        return _check(push, projects + more)


def _check(push: Push, projects: list[Project]) -> int:
    if not projects or not push.remote:
        return 0
    if _raced(push, projects[0]) or _breaks_a_line(push, projects):
        return 1
    if not push.updates:
        catch_up.with_pushes(projects)
        return 0
    if _breaks_a_version(push, projects):
        return 1
    unnamed = [line for project in projects for line in _unnamed(push, project)]
    if unnamed:
        for line in unnamed:
            fail(CPVError(line, fix="dvc cpv sync, git commit, then push again"))
        return 1
    missing = [gap for project in projects for gap in _gaps(push, project)]
    for gap in missing[:10]:
        fail(gap)
    if len(missing) > 10:
        what = f"and {len(missing) - 10} more objects are not on the DVC remote"
        fail(CPVError(what, fix="dvc cpv verify --all (names them)"))
    if missing:
        return 1
    if _breaks_a_stage(push, projects):
        return 1
    catch_up.with_pushes(projects, push.had, [update.oid for update in push.updates])
    # Only the host knows what will become of them.
    pushed_tags.note_pushed(push.repo, push.remote, {name: update.oid for name, update in push.tags.items()})
    return 0


def _breaks_a_line(push: Push, projects: list[Project]) -> bool:
    """Whether a tag of our lines goes out that `git tag` would have refused; says which, and the command for each."""
    versions = _of_lines(push, projects[0])
    if not versions:
        return False
    from cpv_hooks.versions import unseen_tags

    leaving = [unseen_tags.Leaving(name, update.oid, update.remote_oid) for name, update in versions.items()]
    errors = unseen_tags.refuse_unseen_tags(push.repo, projects, leaving, push.remote, push.ask)
    for error in errors:
        fail(error)
    return bool(errors)


def _of_lines(push: Push, project: Project) -> dict[str, Update]:
    scheme = scheme_of(project.config)
    return {name: update for name, update in push.tags.items() if line_of(scheme, name)}


def _breaks_a_version(push: Push, projects: list[Project]) -> bool:
    """Whether the push says of a version without its data that it is no longer retired; says which one."""
    if not push.tags:
        return False
    from cpv_hooks.transfer.commits import unretired

    errors = [error for project in projects for error in unretired.upload_unretired(project, push.tags)]
    for error in errors:
        fail(error)
    return bool(errors)


def _breaks_a_stage(push: Push, projects: list[Project]) -> bool:
    """Whether a tag takes a version into a stage whose rule does not allow it; says which one."""
    tags = {name: update.oid for name, update in push.tags.items() if "#" in name}
    if not tags:
        return False
    from cpv_hooks.history.promotion import refuse_stage_push

    errors = refuse_stage_push(push.repo, projects, tags)
    for error in errors:
        fail(error)
    return bool(errors)


def _unnamed(push: Push, project: Project) -> list[str]:
    """Refs that plain DVC could not read on a remote that keeps versions: their pointers do not say which ones."""
    if not project.keeps_versions:
        return []
    new = set(push.new_commits)
    tips = {update.local or update.remote: push.commits.get(update.oid) for update in push.updates}
    return [
        f"{pointer.path}: has no uploaded version on the DVC remote {project_for(project, pointer).remote_url} ({ref})"
        for ref, tip in tips.items()
        if tip is not None and tip in new
        for pointer in unversioned(project, tip)
    ]


def _gaps(push: Push, project: Project) -> list[CPVError]:
    """Upload what the new commits point to; returns what to say of each object that is still missing.

    A version's commit that the host has may have got there without CPV.
    """
    commits = list(push.new_commits)
    tips = {push.commits[update.oid] for update in push.updates if not update.is_tag and update.oid in push.commits}
    if again := tips.difference(commits):
        from cpv_hooks.transfer.commits import unretired

        # A branch needs content of retired versions that is gone since the host got the commit.
        commits += unretired.with_retired_content(project, again)
    if versions := _of_lines(push, project):
        from cpv_hooks.versions import unseen_tags

        tagged = [push.commits[update.oid] for update in versions.values() if update.oid in push.commits]
        ours = unseen_tags.managed_commits(push.repo, [project], set(tagged))
        commits = list(dict.fromkeys([*commits, *(commit for commit in tagged if commit in ours)]))
    if not commits:
        return []
    missing = ensure_uploaded(project, commits, announce=True, tips=tips)
    if not missing:
        return []
    from cpv_hooks.project import retired

    went, elsewhere = retired.content(push.repo), "dvc cpv sync in a clone that still has it, then push again"
    if project.keeps_versions:
        elsewhere = "dvc cpv sync, git commit --amend, then push again"
    found = []
    for gap in missing:
        what, one = f"object {gap.oid} is not on the DVC remote {gap.remote}", went.get(gap.pointer.oid or "")
        what, fix = (f"{what} ({one})", one.undo) if one else (what, elsewhere)
        found.append(CPVError(what, where=gap.path, fix=fix))
    return found


def _raced(push: Push, project: Project) -> bool:
    """Whether the push has to be said again: somebody else took the name of an automatic tag, or its branch moved on.

    The host is asked where Git does not tell: of tags that left before, of new ones that are not in this push, and of
    those that go without a branch.
    """
    repo, going = push.repo, push.tags
    back = pushed_tags.settle_pushed(repo, push.answers)
    new = set(push.new_commits) if push.updates else set()
    own = lost_races.unpublished_tags(repo, new, {*back, *going}) if new or back or push.updates else []
    if not own:
        return False
    leaving = [tag for tag in own if tag.name in going or tag.commit in new]
    outside = push.without_branch({tag.commit for tag in leaving})
    alone = [tag for tag in leaving if tag.commit in outside]
    host = {TAGS + name: update.remote_oid for name, update in going.items() if not is_null(update.remote_oid)}
    if alone or any(tag.name not in going for tag in own):
        host |= push.ask(push.remote)
    renamed = lost_races.renumber_lost(repo, project, own, host)
    if renamed:
        from cpv_hooks.events.outbox import emit_tagged

        emit_tagged(repo.top, renamed.values())
    for old, name in renamed.items():
        if TAGS + old in host:
            fail(
                CPVError(f"{old} already exists on the remote; your tag was renumbered to {name}", fix="git push again")
            )
        else:
            say(f"{old} was renumbered to {name}, because it comes after a renumbered tag")
    behind = lost_races.moved_on(repo, alone, push.remote, host) if alone else {}
    for name, branch in behind.items():
        what = f"{push.remote}/{branch} has new commits: {renamed.get(name, name)} would be pushed without its branch"
        fail(CPVError(what, fix="git pull --rebase, then git push again"))
    # A tag that a person made is Git's to refuse.
    return bool(renamed or behind)
