"""The DVC roots that a command is about."""

from __future__ import annotations

from pathlib import Path

from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.left_out import left_out
from cpv_hooks.project.project import Project


def projects_here(repo: Repo, cwd: Path | None = None) -> list[Project]:
    """Every managed DVC root of the repository, the innermost one around the current folder first.

    Raises `CPVError` where CPV manages none.
    """
    projects = Project.find_all(repo)
    if not projects:
        for error in left_out(repo):
            raise error
        raise CPVError("CPV does not manage this repository (no .cpv.toml)", where=str(repo.top), fix="dvc cpv init")
    folder = (cwd or Path.cwd()).resolve()
    around = [project for project in projects if folder.is_relative_to(project.root.resolve())]
    first = max(around, key=lambda project: len(project.prefix), default=projects[0])
    return [first, *(project for project in projects if project is not first)]
