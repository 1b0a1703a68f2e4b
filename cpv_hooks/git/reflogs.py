"""What the reflogs of a clone say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cpv_hooks.git.commit import REFLOG_ACTION

if TYPE_CHECKING:
    from cpv_hooks.git.repo import Repo

# What Git, libgit2, JGit and dulwich write for a command that makes commits.
_MAKES = re.compile(rf"(?:commit|cherry-pick|revert|am|rebase|merge|pull|{re.escape(REFLOG_ACTION)})\b")
_MOVES = ("(start)", "(finish)", "(abort)")


def commits_made_here(repo: Repo) -> set[str]:
    """The commits that a command made in this clone, in any of its work trees, as far as reflogs still know it."""
    printed = repo.run("log", "--walk-reflogs", "--all", "--format=%H %gs", check=False)
    entries = (line.partition(" ") for line in printed.splitlines())
    return {commit for commit, _, what in entries if _makes_one(what)}


def _makes_one(what: str) -> bool:
    action, _, text = what.partition(": ")
    return bool(_MAKES.match(action)) and not action.endswith(_MOVES) and text != "Fast-forward"
