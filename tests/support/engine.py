"""The engine in this process, at work in a test's repository."""

from __future__ import annotations

from cpv_hooks.dvcformat.pointer import Pointer, parse_pointers
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.recovery.guarded_sync import guarded_sync
from cpv_hooks.sync.outcomes import SyncReport
from cpv_hooks.sync.sync_policy import SyncPolicy
from cpv_hooks.system.signatures import Clock
from cpv_hooks.worktree.base_index import Index
from cpv_hooks.worktree.workspace import Workspace
from support.shell import Shell


def git_repo(shell: Shell) -> Repo:
    return Repo.discover(shell.path)


def workspace(shell: Shell) -> Workspace:
    """The first managed DVC root, with the index as it is on the disk."""
    repo = git_repo(shell)
    return Workspace(Project.find_all(repo)[0], Index.load(repo.state), Clock(repo.state / "clock"))


def run(shell: Shell, policy: SyncPolicy) -> SyncReport:
    """A sync, as the policy's hook would start it."""
    return guarded_sync(git_repo(shell), policy)


def states(report: SyncReport) -> dict[str, str]:
    """Artifact -> what was found or done, without those in which nothing was."""
    return {outcome.path: outcome.state for outcome in report.outcomes if outcome.state != "clean"}


def pointer(shell: Shell, name: str) -> Pointer:
    """The pointer of an artifact as it stands in the work tree."""
    return parse_pointers(shell.read(f"{name}.dvc").decode(), f"{name}.dvc")[0]
