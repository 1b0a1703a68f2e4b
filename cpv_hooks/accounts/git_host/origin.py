"""The Git remote `origin` of a model's repository, by the URL pattern of the personal settings."""

from __future__ import annotations

from cpv_hooks import state_files
from cpv_hooks.accounts.git_host.pattern import repository_url
from cpv_hooks.git.repo import Repo
from cpv_hooks.state_files import cpv_home

NAME = "origin"


def configured_url(team: str, model: str) -> str | None:
    """Where the repository belongs, or None where the user has configured no Git host.

    Raises `CPVError` for settings or names that give no URL.
    """
    # Without the file nothing is configured, and pydantic need not be loaded.
    if not (cpv_home() / state_files.CONFIG).exists():
        return None
    from cpv_hooks.accounts.personal import personal_settings

    found = personal_settings.load_settings()
    if not {"host", "url_pattern"} & found.bitbucket.model_fields_set:
        return None
    return repository_url(found, team, model)


def is_missing(repo: Repo) -> bool:
    """Whether the repository has no remote of that name."""
    return NAME not in repo.run("remote").split()


def add(repo: Repo, url: str) -> None:
    """`git remote add origin URL`."""
    repo.run("remote", "add", "--", NAME, url)
