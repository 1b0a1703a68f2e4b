"""What undoes a step of a transaction: data that any process can carry out, in Git's refs, index and files.

Each action puts something back only where it still is what the transaction made of it: what the user changed since
stays. Each may be carried out twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.recovery.undo_git import Action, BuiltUpon, undo_file, undo_index, undo_refs


def undo_steps(repo: Repo, steps: Sequence[Sequence[Action]], head: str | None) -> None:
    """Carry out the undo of steps, the last one first. The caller holds the work tree's lock.

    `head` is the commit that the transaction began with: what the user has committed on top of it meanwhile stays.
    """
    try:
        for actions in reversed(steps):
            for action in reversed(actions):
                _carry_out(repo, action, head)
    except BuiltUpon:
        return


def _carry_out(repo: Repo, action: Action, head: str | None) -> None:
    name = str(action.get("do"))
    if name in ("commit", "checkout"):
        from cpv_hooks.recovery import undo_head

        undo_head.undo_head(repo, action)
    elif name == "artifact":
        from cpv_hooks.recovery import undo_artifact

        undo_artifact.undo_artifact(repo, action, _moved_on(repo, head))
    elif name == "refs":
        undo_refs(repo, action)
    elif name in ("git-file", "move", "setting"):
        from cpv_hooks.recovery import undo_install

        undo_install.undo_install(repo, action)
    elif name in ("index", "file"):
        undoing = undo_index if name == "index" else undo_file
        undoing(repo, action, _moved_on(repo, head))
    else:
        raise CPVError(f"a journal of another version of CPV ({name!r})", fix="pip install -U dvc-cpv, dvc cpv recover")


def _moved_on(repo: Repo, head: str | None) -> str | None:
    """The commit at HEAD where it is another one than the transaction began with."""
    now = repo.resolve("HEAD")
    return None if now == head else now
