"""`post-checkout`: every artifact becomes what the pointers of the new version say, from the cache or the remote."""

from __future__ import annotations

import os

from cpv_hooks.console.output import say
from cpv_hooks.git import one_shot
from cpv_hooks.git.repo import Repo
from cpv_hooks.hooks.hook_run import begin_hook, quietly, refresh_stages
from cpv_hooks.recovery.guarded_sync import guarded_sync
from cpv_hooks.sync.report import incomplete, tell_changes
from cpv_hooks.sync.sync_policy import CHECKOUT


def run(args: list[str]) -> int:
    """Exit status 1, which becomes that of `git checkout`, where an artifact could not be brought."""
    if os.environ.get("_PRE_COMMIT_SKIP_POST_CHECKOUT"):
        return 0
    repo = begin_hook()
    one_shot.heal(repo)
    refresh_stages(repo)
    report = guarded_sync(repo, quietly(CHECKOUT))
    tell_changes(report)
    if not report.of("gone"):
        _tell_retired(repo)
    return 1 if incomplete(report) else 0


def _tell_retired(repo: Repo) -> None:
    """A retired version whose data is still there is checked out as any other, and said to be one."""
    from cpv_hooks.project import retired

    found = retired.read_retirements(repo)
    head = repo.resolve("HEAD") if found else None
    for item in found.values():
        if item.commit == head:
            say(f"{item}; its data is still there")
