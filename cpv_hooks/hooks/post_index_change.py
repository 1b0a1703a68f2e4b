"""`post-index-change 1`: Git changed the work tree (reset --hard, stash, stash pop, checkout); artifacts follow.

A path-limited stash changes it through `git apply`, which says 0; `git commit -- PATH` says 1 and changes nothing.
The cache alone is used here; what it lacks is named, and fetched by the next checkout, merge or `dvc cpv sync`.
"""

from __future__ import annotations

import os

from cpv_hooks.git import one_shot
from cpv_hooks.git.caller import calling_git, git_above
from cpv_hooks.hooks.hook_run import begin_hook
from cpv_hooks.recovery.guarded_sync import guarded_sync
from cpv_hooks.sync.outcomes import SyncReport
from cpv_hooks.sync.report import tell_outcomes
from cpv_hooks.sync.sync_policy import INDEX_CHANGE

# These run post-checkout or post-merge a moment later, which fetch what is missing and say what is wrong.
_FOLLOWED = frozenset({"checkout", "switch", "merge", "pull", "clone", "worktree", "rebase"})


def run(args: list[str]) -> int:
    """Exit status is ignored by Git."""
    git = calling_git()
    command = git.command if git else ""
    if git is not None and command == "reset" and (above := git_above(git)) and above.command == "worktree":
        command = above.command
    if command == "sparse-checkout":
        from cpv_hooks.hooks.sparse_checkout import before_folders_go

        return before_folders_go(begin_hook())
    changed = command == "apply" or (args[:1] == ["1"] and command != "commit")
    if os.environ.get("_PRE_COMMIT_SKIP_POST_CHECKOUT") or not changed:
        return 0
    repo = begin_hook()
    one_shot.heal(repo)
    report = guarded_sync(repo, INDEX_CHANGE)
    if command in _FOLLOWED:
        # What is missing now may be there in a moment; a rescue is told once.
        report = SyncReport([*report.of("rescued", "clean"), *report.left_out])
    tell_outcomes(report)
    return 0
