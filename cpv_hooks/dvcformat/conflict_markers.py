"""Pointer files that a merge left in conflict: Git's markers in them, and the command that ends it."""

from __future__ import annotations

import re

from cpv_hooks.errors import git_word

_MARKERS = re.compile(r"^(<{7}|>{7}|={7}|\|{7})( |$)", re.MULTILINE)


def has_conflict(text: str) -> bool:
    """Whether the text carries Git's conflict markers."""
    return _MARKERS.search(text) is not None


def conflict_command(file: str) -> str:
    """The command that ends a conflict of a pointer."""
    return f"git checkout --ours -- {git_word(file)} && git add {git_word(file)} (or --theirs)"
