"""`pre-merge-commit`: what pre-commit does, but a merge needs no detour."""

from __future__ import annotations

from cpv_hooks.git.index import staged
from cpv_hooks.hooks.hook_run import begin_hook, interrupted
from cpv_hooks.hooks.pre_commit import complete_versions, stage_changed, stop
from cpv_hooks.recovery.guarded_sync import guarded_sync
from cpv_hooks.sync.sync_policy import PRE_MERGE


def run(args: list[str]) -> int:
    """Exit status 1 stops the merge commit."""
    repo = begin_hook()
    if interrupted(repo):
        return 1
    report = guarded_sync(repo, PRE_MERGE)
    before = staged(repo)
    if stop(repo, report, before):
        return 1
    stage_changed(repo, report, before)
    complete_versions(repo, report)
    return 0
