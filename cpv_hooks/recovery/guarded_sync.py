"""The sync as hooks and commands call it: what a killed operation left is undone first."""

from __future__ import annotations

from cpv_hooks import state_files
from cpv_hooks.git.repo import Repo
from cpv_hooks.sync import watch_file
from cpv_hooks.sync.outcomes import Listener, SyncReport, nobody
from cpv_hooks.sync.sync import sync
from cpv_hooks.sync.sync_policy import SyncPolicy


def guarded_sync(repo: Repo, policy: SyncPolicy, taken: Listener = nobody) -> SyncReport:
    """`sync`, once nothing is half-done.

    Where an interrupted operation cannot be undone now, nothing is looked at, because half of it is not the user's
    work; the report is empty then. Raises `locks.Busy` as `sync` does.
    """
    if (repo.shared / state_files.JOURNAL).is_dir():
        from cpv_hooks.recovery import interrupted

        if not interrupted.settle_interrupted(repo, policy.name):
            watch_file.forget(repo)
            return SyncReport()
    roots = repo.state / state_files.ROOTS
    if roots.is_dir():
        from cpv_hooks.project.laid_out_roots import clear

        clear(repo)
    report = sync(repo, policy, taken)
    if roots.is_dir():
        # A push has them just now. Should it be killed, no hook may pass over what it leaves.
        watch_file.forget(repo)
    return report
