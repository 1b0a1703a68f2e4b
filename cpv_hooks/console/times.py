"""Times as programs write them, and how long ago something was, as a person writes it: `12h`, `30d`, `2w`."""

from __future__ import annotations

import re

from cpv_hooks.errors import CPVError

DAY = 86_400.0
"""Seconds in a day."""
_UNITS = {"m": 60.0, "h": 3600.0, "d": DAY, "w": 7 * DAY, "y": 365 * DAY}
_AGE = re.compile(r"(\d{1,6})([mhdwy]?)")


def iso_time(seconds: float) -> str:
    """A time as ISO 8601 has it, in UTC."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def parse_age(text: str) -> float:
    """An age in seconds; a bare number counts days. `CPVError` for what is none."""
    match = _AGE.fullmatch(text.strip().lower())
    if match is None:
        raise CPVError(f"{text!r} is not an age", fix="write 12h, 30d, 8w or 1y")
    return int(match[1]) * _UNITS[match[2] or "d"]
