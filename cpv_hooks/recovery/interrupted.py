"""What a killed operation left, met by a hook: undone where Git is not in the middle of something, else left alone."""

from __future__ import annotations

from collections.abc import Callable

from cpv_hooks.console.output import fail, warn
from cpv_hooks.errors import CPVError
from cpv_hooks.git.caller import calling_git
from cpv_hooks.git.repo import Repo
from cpv_hooks.recovery import transaction

# These only look, and write their refreshed index back only where it is still the one that they read.
_LOOKING = frozenset({"status", "diff"})
# Run last of all by their Git command.
_LAST = frozenset({"post-checkout", "post-merge", "post-rewrite", "post-commit"})
# Hooks that come later in these stop them.
_REFUSED = frozenset({"commit", "merge", "push"})
_FIX = "dvc cpv recover"


def _warn(error: CPVError) -> None:
    warn(str(error))


def settle_interrupted(repo: Repo, event: str) -> bool:
    """Undo what is left, where it is safe in the hook that an event is named after; whether nothing is left."""
    if not transaction.left(repo):
        return True
    git = calling_git()
    if git is not None and not (git.command in _LOOKING or event in _LAST):
        return _tell(repo, fail if git.command in _REFUSED else _warn)
    return _undo(repo, wait=git is None)


def stops(repo: Repo) -> bool:
    """Before a commit or a push: whether something was left. It has read HEAD already, so it must be said again."""
    if not transaction.left(repo):
        return False
    if _undo(repo, wait=False, tell=fail):
        fail(CPVError("an interrupted operation was undone first", fix="git status, then run the same command again"))
    return True


def _undo(repo: Repo, *, wait: bool, tell: Callable[[CPVError], object] = _warn) -> bool:
    if (repo.git_dir / "index.lock").exists() or repo.under_way() is not None:
        return _tell(repo, tell)
    try:
        transaction.recover(repo, wait=wait)
    except CPVError as error:
        fail(error)
        return False
    return not transaction.left(repo) or _tell(repo, tell)


def _tell(repo: Repo, tell: Callable[[CPVError], object]) -> bool:
    names = ", ".join(found.what for found in transaction.pending(repo))
    tell(CPVError(f"an interrupted {names} is incomplete", fix=_FIX))
    return False
