"""The folder of personal settings."""

from __future__ import annotations

import os
from pathlib import Path

NOWHERE = Path("/nonexistent")
"""The home of a user who has none, as in a container whose uid has no passwd entry: settings are the defaults then."""


def user_home() -> Path:
    """The user's home folder."""
    try:
        return Path.home()
    except RuntimeError:
        return NOWHERE


def cpv_home() -> Path:
    """The folder of personal settings: `CPV_HOME`, or `~/.cpv`."""
    return Path(os.environ.get("CPV_HOME") or user_home() / ".cpv")
