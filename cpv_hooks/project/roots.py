"""The DVC roots that a command is about."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.left_out import left_out
from cpv_hooks.project.project import Project, managed_roots


def projects_here(repo: Repo, cwd: Path | None = None) -> list[Project]:
    """Every managed DVC root of the repository, the innermost one around the current folder first.

    Raises `CPVError` where CPV manages none.
    """
    return innermost_first(repo, Project.find_all(repo), cwd or Path.cwd())


def innermost_first(repo: Repo, projects: Sequence[Project], cwd: Path) -> list[Project]:
    """The same for DVC roots that have been found already."""
    inner = _innermost(repo, [project.root for project in projects], cwd)
    return sorted(projects, key=lambda project: project.root != inner)


def root_here(repo: Repo, cwd: Path) -> Path:
    """The innermost managed DVC root around a folder, else the outermost one, without opening any.

    Raises `CPVError` where CPV manages none.
    """
    return _innermost(repo, managed_roots(repo), cwd)


def _innermost(repo: Repo, roots: Sequence[Path], cwd: Path) -> Path:
    if not roots:
        for error in left_out(repo):
            raise error
        raise CPVError("CPV does not manage this repository (no .cpv.toml)", where=str(repo.top), fix="dvc cpv init")
    folder = f"{os.path.realpath(cwd)}/"
    around = [root for root in roots if folder.startswith(f"{os.path.realpath(root).rstrip('/')}/")]
    return max(around, key=lambda root: len(root.parts), default=roots[0])
