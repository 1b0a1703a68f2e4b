"""Which repository a call of the Python API is about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cpv_hooks.errors import CPVError, shell_path, shell_word
from cpv_hooks.git.no_repository import NoRepository
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.config import FILE
from cpv_hooks.project.project import Project
from cpv_hooks.project.roots import innermost_first
from dvc_cpv_plugin.options import OperationOptions


def find_project(team: str, model: str, options: OperationOptions, *, reads: bool) -> Project:
    """The DVC root of a team's model.

    `repo_path` names it; else it is the one around the working directory, else the folder MODEL there, else, for what
    only reads, a clone that CPV keeps in its personal folder. Raises `CPVError` where there is none, and where the
    repository is another team's or another model's.
    """
    if options.repo_path is not None:
        return _at(options.path(options.repo_path), team, model)
    candidates = list(_candidates(options.folder, model))
    for project in candidates:
        if _is(project, team, model):
            return project
    for project in candidates:
        # A model of the same name in another team is never what was meant.
        if project.config.model == model:
            raise _not_ours(project, team, model)
    return _cloned(team, model) if reads else _none(team, model, options.folder)


def _at(folder: Path, team: str, model: str) -> Project:
    if not folder.is_dir():
        raise CPVError("no such folder", where=str(folder), fix=f"dvc cpv init {shell_path(folder)}")
    projects = _around(folder)
    if not projects:
        fix = f"dvc cpv init {shell_path(folder)}"
        raise CPVError(f"CPV does not manage this folder (no {FILE})", where=str(folder), fix=fix)
    found = next((project for project in projects if _is(project, team, model)), None)
    if found is None:
        raise _not_ours(projects[0], team, model)
    return found


def _candidates(folder: Path, model: str) -> Iterator[Project]:
    yield from _around(folder)
    if (folder / model).is_dir():
        yield from (project for project in _around(folder / model) if project.root != folder)


def _around(folder: Path) -> list[Project]:
    """The managed DVC roots of the repository that holds a folder, the innermost around it first."""
    if not folder.is_dir():
        return []
    try:
        repo = Repo.discover(folder)
    except NoRepository:
        return []
    found = Project.find_all(repo)
    return innermost_first(repo, found, folder) if found else []


def _is(project: Project, team: str, model: str) -> bool:
    """Whether a DVC root is this team's model; one that does not say is anybody's."""
    return project.config.team in (None, team) and project.config.model in (None, model)


def _not_ours(project: Project, team: str, model: str) -> CPVError:
    config = project.config
    what = f"this is {config.team or '?'}/{config.model or '?'}, not {team}/{model}"
    return CPVError(what, where=str(project.root), fix="name the other repository's folder (repo_path)")


def _cloned(team: str, model: str) -> Project:
    from cpv_hooks.accounts.git_host.clones import managed_clone
    from cpv_hooks.accounts.git_host.pattern import repository_url
    from cpv_hooks.accounts.personal.personal_settings import load_settings
    from cpv_hooks.setup.init.remote import default_url, to_modify

    # The keys that `dvc cpv init` would give to a repository of the user's own.
    own = {key: value for key, value, private in to_modify(default_url(team, model), team, model) if private}
    clone = managed_clone(team, model, repository_url(load_settings(), team, model), remote_options=own)
    return _at(clone.top, team, model)


def _none(team: str, model: str, folder: Path) -> Project:
    from cpv_hooks.accounts.git_host.pattern import repository_url
    from cpv_hooks.accounts.personal.personal_settings import load_settings

    fix = (
        f"git clone {shell_word(repository_url(load_settings(), team, model))}, "
        f"or dvc cpv init {shell_word(model)} --team-name {shell_word(team)}"
    )
    raise CPVError(f"there is no repository of {team}/{model} here", where=str(folder), fix=fix)
