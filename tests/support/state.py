"""CPV's own files as they lie in a Git directory, compared with the list of their names."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from pathlib import Path

from cpv_hooks import state_files

_SHARED = state_files.OF_REPOSITORY | {f"{state_files.QUEUE}-journal"}


def strange(git_dir: Path) -> list[str]:
    """The files in CPV's folders of a repository that have no name in the list, or that of another kind of folder."""
    found = _strange(git_dir / state_files.FOLDER, state_files.OF_WORK_TREE | _SHARED)
    for tree in git_dir.glob("worktrees/*"):
        found += _strange(tree / state_files.FOLDER, state_files.OF_WORK_TREE)
    return found


def _strange(folder: Path, known: frozenset[str]) -> list[str]:
    names = os.listdir(folder) if folder.is_dir() else []
    return [f"{folder}/{name}" for name in names if not any(fnmatchcase(name, pattern) for pattern in known)]
