"""`prepare-commit-msg`: end the one-shot detour that pre-commit opened."""

from __future__ import annotations

from cpv_hooks import detour
from cpv_hooks.hooks.pre_commit import in_shim
from cpv_hooks.hooks.report import begin


def run(args: list[str]) -> int:
    """Point HEAD back; the commit is then written on the branch."""
    if not in_shim("prepare-commit-msg"):
        detour.close(begin())
    return 0
