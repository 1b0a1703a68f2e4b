"""The folder of personal settings."""

from __future__ import annotations

import os
from pathlib import Path


def cpv_home() -> Path:
    """The folder of personal settings: `CPV_HOME`, or `~/.cpv`."""
    return Path(os.environ.get("CPV_HOME") or Path.home() / ".cpv")
