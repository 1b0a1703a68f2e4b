"""`prepare-commit-msg`: end the one-shot detour that pre-commit opened."""

from __future__ import annotations

from cpv_hooks.git import one_shot
from cpv_hooks.hooks.hook_run import begin_hook


def run(args: list[str]) -> int:
    """Point HEAD back; the commit is then written on the branch."""
    one_shot.close(begin_hook())
    return 0
