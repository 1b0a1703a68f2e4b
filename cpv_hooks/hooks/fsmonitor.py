"""`core.fsmonitor`: Git is about to compare the work tree with its index, so pointers must be true first.

The answer itself ("anything may have changed") is the shim's. A query from `git status` may come from an editor in
the background: it hashes within a budget, waits for nobody, and passes over what a training job is writing.
"""

from __future__ import annotations

import os
from contextlib import suppress

from cpv_hooks.errors import CPVError
from cpv_hooks.git import one_shot
from cpv_hooks.git.caller import calling_git
from cpv_hooks.git.repo import Repo
from cpv_hooks.hooks.hook_run import begin_hook
from cpv_hooks.project.config import Config
from cpv_hooks.project.config_file import load_config
from cpv_hooks.project.project import managed_roots
from cpv_hooks.recovery.guarded_sync import guarded_sync
from cpv_hooks.sync.outcomes import nobody
from cpv_hooks.sync.report import tell_outcomes
from cpv_hooks.sync.sync_policy import QUERY, SyncPolicy
from cpv_hooks.system.locks import Busy
from cpv_hooks.transfer.commits.early_upload import early_uploads

# Commands that only look. Everything else is about to do something that needs the truth.
_BACKGROUND = frozenset({"status", "diff", "describe", "ls-files", "diff-files", "diff-index", "update-index"})


def run(args: list[str]) -> int:
    """Never fails the Git command: a query that cannot be met leaves Git with what stands on the disk."""
    # pre-commit resets the work tree to run checks on what is staged, and puts it back: artifacts stay out of that.
    if os.environ.get("_PRE_COMMIT_SKIP_POST_CHECKOUT"):
        return 0
    repo = begin_hook()
    one_shot.heal(repo)
    git = calling_git()
    with suppress(Busy), early_uploads() as early:
        # `git commit -a` takes it, and then its pre-commit hook has nothing to do.
        offer = early.offer if git is not None and git.command == "commit" else nobody
        tell_outcomes(guarded_sync(repo, query_policy(repo), offer))
    return 0


def query_policy(repo: Repo) -> SyncPolicy:
    git = calling_git()
    if git is not None and git.command in ("add", "stage"):
        from cpv_hooks.git.pathspec import named_by

        return QUERY._replace(adding=named_by(git.words[1:]))
    if git is None or git.command not in _BACKGROUND:
        return QUERY
    return QUERY._replace(patient=False, budget=min(config.hash_budget for config in _configs(repo)))


def _configs(repo: Repo) -> list[Config]:
    try:
        return [load_config(root) for root in managed_roots(repo)] or [Config()]
    except CPVError:
        return [Config()]
