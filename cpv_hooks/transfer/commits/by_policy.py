"""Uploads at a Git event: what is new, by policy, and what an earlier event had to leave."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from cpv_hooks import state_files
from cpv_hooks.console.output import fail
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.system.atomic_files import write_atomic
from cpv_hooks.transfer.commits.queued_uploads import deliver_commits, retry_queued
from cpv_hooks.transfer.objects.upload_queue import Queue


def upload_by_policy(repo: Repo, projects: Sequence[Project], revs: Sequence[str], why: str) -> None:
    """Send the data of commits as `[push] when` says; what fails is said in one line and stays queued."""
    from cpv_hooks.project.retired import content

    # Of all DVC roots, of which there may be hundreds.
    held = cache(lambda: content(repo))
    for project in projects:
        if not project.remotes:
            continue
        try:
            # A repository that has no remote yet says so when it is pushed.
            new = list(revs) if project.remote_name else _with_remote(project, revs)
            if new:
                deliver_commits(project, new, why, held)
            if project.config.push_when == "commit":
                retry_queued(project)
        except CPVError as error:
            fail(error)
    mark_queued(repo)


def _with_remote(project: Project, revs: Sequence[str]) -> list[str]:
    """The commits in which an output names a remote, where there is no default one."""
    from cpv_hooks.project.expected import has_remote
    from cpv_hooks.project.pointers_at import pointers_at

    return [rev for rev in revs if has_remote(project, pointers_at(project, rev))]


def mark_queued(repo: Repo) -> None:
    """Let the post-commit shim know, without Python, whether something waits."""
    mark = repo.shared / state_files.QUEUED
    if Queue.of(repo).pending():
        write_atomic(mark, b"")
    else:
        mark.unlink(missing_ok=True)
