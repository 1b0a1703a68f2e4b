"""`pre-push`: no ref leaves before all that it points to is on the remote, verified.

All of standard input is read: lines `LOCAL-REF LOCAL-OID REMOTE-REF REMOTE-OID` (githooks(5)).
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from cpv_hooks import tags
from cpv_hooks.errors import CPVError
from cpv_hooks.git import Repo
from cpv_hooks.hooks.pre_commit import in_shim
from cpv_hooks.hooks.report import begin, interrupted
from cpv_hooks.output import fail
from cpv_hooks.project import Project
from cpv_hooks.publish import complete, unversioned

_TAGS = "refs/tags/"


@dataclass(frozen=True)
class Update:
    """One ref of the push."""

    local: str
    oid: str
    remote: str
    remote_oid: str


def run(args: list[str]) -> int:
    """Exit status 1 stops the push."""
    if in_shim("pre-push"):
        return 0
    repo = begin()
    updates = _from_input(sys.stdin.read()) or _from_precommit()
    updates = [update for update in updates if set(update.oid) != {"0"}]
    if interrupted(repo):
        return 1
    projects = Project.find_all(repo)
    if not updates or not projects:
        return 0
    if _renumber(repo, projects[0], updates):
        return 1
    remote = args[0] if args else os.environ.get("PRE_COMMIT_REMOTE_NAME", "")
    unnamed = [line for project in projects for line in _unnamed(repo, project, updates, remote)]
    if unnamed:
        for line in unnamed:
            fail(CPVError(line, fix="dvc cpv sync, git commit, then push again"))
        return 1
    missing = [gap for project in projects for gap in _gaps(repo, project, updates, remote)]
    versioned = any(project.remote_versioned for project in projects)
    mend = "dvc cpv sync, git commit --amend, then push again" if versioned else "dvc cpv sync, then push again"
    for line in missing[:10]:
        fail(CPVError(line, fix=mend))
    if len(missing) > 10:
        fail(CPVError(f"and {len(missing) - 10} more objects are not on the DVC remote", fix=mend))
    if missing:
        return 1
    tags.mark_published(
        repo, [update.remote.removeprefix(_TAGS) for update in updates if update.remote.startswith(_TAGS)]
    )
    return 0


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
    if not project.remote_versioned:
        return []
    new = set(_new_commits(repo, updates, remote))
    tips = {update.local or update.remote: repo.resolve(update.oid) for update in updates}
    return [
        f"{pointer.path}: names no version on the DVC remote {project.remote_url} ({ref})"
        for ref, tip in tips.items()
        if tip in new
        for pointer in unversioned(project, tip)
    ]


def _gaps(repo: Repo, project: Project, updates: list[Update], remote: str) -> list[str]:
    """Upload what the new commits point to; returns a line for each object that is still missing."""
    commits = _new_commits(repo, updates, remote)
    if not commits:
        return []
    missing = complete(project, commits)
    return [f"{gap.path}: object {gap.oid} is not on the DVC remote {project.remote_url}" for gap in missing]


def _renumber(repo: Repo, project: Project, updates: list[Update]) -> bool:
    """An automatic tag that somebody else published first gets the next number; the push must be said again."""
    lost = {
        update.remote.removeprefix(_TAGS)
        for update in updates
        if update.remote.startswith(_TAGS) and set(update.remote_oid) != {"0"} and update.remote_oid != update.oid
    }
    if not lost:
        return False
    renamed = tags.renumber(repo, project, sorted(lost), sorted(lost))
    for old, new in renamed.items():
        fail(CPVError(f"somebody else published {old} first; yours is {new} now", fix="git push again"))
    # A tag that a person made is Git's to refuse.
    return bool(renamed)
