"""A named check: what was looked at, how it went, why, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Result = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; `fix` is the command that mends it."""

    name: str
    result: Result
    reason: str
    fix: str | None = None
