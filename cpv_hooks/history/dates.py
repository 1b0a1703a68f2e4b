"""Moments as a person names them: an age (`30d`), or what Git understands (`2026-11-01`, `2 weeks ago`)."""

from __future__ import annotations

import re
import time
from datetime import datetime

from cpv_hooks.console.durations import parse_age
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo

_AGE = re.compile(r"\d{1,6}[mhdwy]")
_NOW = frozenset({"now", "today"})
_NEAR = 5.0
"""Seconds: Git takes what it does not understand for this very moment."""


def parse_date(repo: Repo, option: str, text: str, *, end: bool = False) -> float:
    """Seconds since the epoch. A bare day means its start, or its end with `end`. `CPVError` for what is no date."""
    word = text.strip()
    if _AGE.fullmatch(word):
        return time.time() - parse_age(word)
    try:
        found = datetime.fromisoformat(word)
    except ValueError:
        return _by_git(repo, option, word)
    return found.timestamp() + (86_399 if end and len(word) == len("2026-11-01") else 0)


def _by_git(repo: Repo, option: str, text: str) -> float:
    # --max-age=SECONDS is what Git makes of any --since.
    printed = repo.run("rev-parse", f"--since={text}", check=False).strip().removeprefix("--max-age=")
    is_now = printed.isdigit() and abs(int(printed) - time.time()) < _NEAR
    if not printed.isdigit() or (is_now and text.lower() not in _NOW and not re.search("[0-9]", text)):
        fix = f"{option} 2026-11-01, {option} '2 weeks ago' or {option} 30d"
        raise CPVError(f"{text!r} is not a date", fix=fix)
    return float(printed)
