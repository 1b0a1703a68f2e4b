"""Which Git CPV works with: `reference-transaction` hooks came with 2.28."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from cpv_hooks.errors import CPVError

OLDEST_GIT = (2, 28)


def check_git_version(folder: Path) -> str:
    """What `git version` prints in a folder; `CPVError` for one that is too old."""
    text = subprocess.run(["git", "version"], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
    if tuple(map(int, re.findall(r"\d+", text)[:2])) < OLDEST_GIT:
        oldest = ".".join(map(str, OLDEST_GIT))
        raise CPVError(f"{text}: {oldest} is the oldest that works", fix="install a newer Git")
    return text
