"""What is said of a path behind a symbolic link to a folder: Git does not follow one, and it could lead out."""

from __future__ import annotations

import os
from pathlib import Path

from cpv_hooks.errors import Unreadable, file_word, git_word, shell_path


def behind_link(top: Path, path: str, link: str) -> Unreadable:
    """The error for an artifact, or its pointer; where the link leads nowhere a checkout brings what Git has."""
    target = Path(os.path.realpath(top / link))
    bring = f"cp -r {shell_path(target)} {file_word(link)}" if target.is_dir() else f"git checkout -- {git_word(link)}"
    what = f"lies behind {link}, which is a symbolic link to {target}"
    return Unreadable(what, where=path.removesuffix(".dvc"), fix=f"rm {file_word(link)} && {bring}")
