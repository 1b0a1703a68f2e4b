"""`prepare-commit-msg`: end the one-shot detour that pre-commit opened."""

from __future__ import annotations

from cpv_hooks.git import one_shot
from cpv_hooks.hooks.hook_run import begin, in_shim


def run(args: list[str]) -> int:
    """Point HEAD back; the commit is then written on the branch."""
    if not in_shim("prepare-commit-msg"):
        one_shot.close(begin())
    return 0
