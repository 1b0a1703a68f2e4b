"""How each hook starts: the repository, what was told already, and what stands in its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cpv_hooks import state_files
from cpv_hooks.console.output import tell_once
from cpv_hooks.git import hooks_in_place
from cpv_hooks.git.caller import calling_git
from cpv_hooks.git.repo import Repo
from cpv_hooks.system.atomic_files import write_atomic

if TYPE_CHECKING:
    from cpv_hooks.sync.sync_policy import SyncPolicy


def begin_hook() -> Repo:
    """The repository that a hook serves. What one hook of a Git process has told, the next does not tell again."""
    repo = Repo.of_hook()
    git = calling_git()
    if git is not None:
        tell_once(repo.state / state_files.SAID, git.identity, write_atomic)
    hooks_in_place.check_hooks(repo)
    if (repo.state / state_files.ROOTS).is_dir():
        from cpv_hooks.project.laid_out_roots import clear

        clear(repo)
    return repo


def interrupted(repo: Repo) -> bool:
    """Whether a killed operation had left something, so that the commit or the push under way must be said again."""
    if not (repo.shared / state_files.JOURNAL).is_dir():
        return False
    from cpv_hooks.recovery.interrupted import stops

    return stops(repo)


def answered(repo: Repo) -> bool:
    """Whether an fsmonitor query of this Git process has left everything in agreement (its shim writes the note)."""
    git = calling_git()
    try:
        notes = state_files.read_bytes(repo.state / state_files.ASKED).decode("utf-8", "replace").splitlines()
    except OSError:
        return False
    if git is None or notes[:1] != [git.identity]:
        return False
    from cpv_hooks.sync.watch_file import is_sure

    return is_sure(repo)


def quietly(policy: SyncPolicy) -> SyncPolicy:
    """Under the pre-commit framework only a commit writes pointers: one that is changed and not staged collides with
    its own saving of unstaged changes."""

    from cpv_hooks.hooks.precommit_framework import runs_us

    return policy._replace(only=frozenset()) if runs_us() else policy


def refresh_stages(repo: Repo) -> None:
    """Let the shims of this work tree know in which stages pre-commit would only run CPV again."""
    from cpv_hooks.setup.install import precommit_config

    precommit_config.refresh_stage_note(repo)
