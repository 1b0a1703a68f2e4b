"""That Git finds no work tree, and why."""

from __future__ import annotations

from pathlib import Path

from cpv_hooks.errors import CPVError
from cpv_hooks.git.reason import advised, bare, reason

# What Git says where it finds none, or is inside a Git directory; that a `.git` file leads nowhere is another thing.
_NO_REPOSITORY = "not a git repository (or any"
_NO_WORK_TREE = "must be run in a work tree"
_GO_TO_ONE = "cd to a repository (git clone or dvc cpv init makes one)"


class NoRepository(CPVError):
    """There is no Git work tree around a folder; another failure to read one is a plain `CPVError`."""


def why_not(cwd: Path, printed: str, status: int) -> CPVError:
    """Git's own reason, and the command that it advises; that there is no repository at all is CPV's to answer."""
    if _NO_REPOSITORY in printed:
        return NoRepository("not inside a Git work tree", where=str(cwd), fix=_GO_TO_ONE)
    if _NO_WORK_TREE in printed:
        fix = "cd to a work tree of it (git clone, or git worktree add, makes one)"
        return NoRepository("not inside a Git work tree, but in a Git directory", where=str(cwd), fix=fix)
    return CPVError(f"Git: {bare(reason(printed, status))}", where=str(cwd), fix=advised(printed) or "git status")
