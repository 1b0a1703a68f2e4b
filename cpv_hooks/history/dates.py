"""Moments as a person names them: an age (`30d`), or what Git understands (`2026-11-01`, `2 weeks ago`)."""

from __future__ import annotations

import re
import time
from datetime import date, datetime

from cpv_hooks.console.times import parse_age
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo

_AGE = re.compile(r"\d{1,6}[mhdwy]")
_DAY = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
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
    if not printed.isdigit() or _is_made_up(text, float(printed)):
        fix = f"{option} 2026-11-01, {option} '2 weeks ago' or {option} 30d"
        raise CPVError(f"{text!r} is not a date", fix=fix)
    return float(printed)


def _is_made_up(text: str, seconds: float) -> bool:
    """Whether Git only pretends to understand: it makes this moment of a word, and another day of a false one."""
    day = _DAY.match(text)
    if day is not None:
        return not _is_day(*map(int, day.groups()))
    is_now = abs(seconds - time.time()) < _NEAR and text.lower() not in _NOW
    return is_now and (text.isdigit() or not re.search("[0-9]", text))


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        return bool(date(year, month, day))
    except ValueError:
        return False
