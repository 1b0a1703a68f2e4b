"""`post-merge`: bring what a merge or a pull changed; try again what is still queued."""

from __future__ import annotations

from cpv_hooks.console.output import say
from cpv_hooks.hooks.hook_run import begin_hook, quietly
from cpv_hooks.recovery.guarded_sync import guarded_sync
from cpv_hooks.sync.report import tell_changes
from cpv_hooks.sync.sync_policy import MERGE
from cpv_hooks.transfer.commits.by_policy import upload_by_policy
from cpv_hooks.versions import tags


def run(args: list[str]) -> int:
    """A merge commit runs no post-commit, so a checkpoint that the merge made is numbered and uploaded here."""
    repo = begin_hook()
    report = guarded_sync(repo, quietly(MERGE))
    tell_changes(report)
    head = repo.resolve("HEAD")
    if report.projects and head and repo.resolve("HEAD^2"):
        names = tags.create_auto(repo, report.projects, head)
        if names:
            from cpv_hooks.events.outbox import emit_tagged

            say(f"tagged {' '.join(names)}")
            emit_tagged(repo.top, names)
        upload_by_policy(repo, report.projects, [head], "merge")
    return 0
