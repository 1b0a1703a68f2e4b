"""The repository around a folder, and whose prefix on which bucket is meant there."""

from __future__ import annotations

from pathlib import Path

from cpv_hooks.accounts.personal import personal_settings
from cpv_hooks.accounts.personal.schema import Settings
from cpv_hooks.dvcformat.remote_url import is_on_s3
from cpv_hooks.errors import CPVError, shell_path
from cpv_hooks.git.no_repository import NoRepository
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.names import check_name, check_same
from cpv_hooks.project.project import Project, managed_roots
from cpv_hooks.project.roots import projects_here
from cpv_hooks.remote.s3_client.s3_options import S3Options


class Names(NamedTuple):
    """Team and model, as far as they are known."""

    team: str | None
    model: str | None


def around(folder: Path) -> Project | None:
    """The DVC root that CPV manages and that a folder lies in, or None."""
    if not folder.is_dir():
        raise CPVError("no such folder", where=str(folder), fix=f"mkdir -p {shell_path(folder)}")
    try:
        repo = Repo.discover(folder)
    except NoRepository:
        return None
    return projects_here(repo, folder)[0] if managed_roots(repo) else None


def team_and_model(project: Project | None, settings: Settings, team: str | None, model: str | None) -> Names:
    """What is given, else what the repository says, else the user's own team.

    Raises `CPVError` for what cannot be a name, and where the repository says otherwise.
    """
    here = (project.config.team, project.config.model) if project else (None, None)
    for what, given, known in (("team", team, here[0]), ("model", model, here[1])):
        if given is not None:
            check_name(what, given)
        if project is not None:
            check_same(project.root, what, known, given)
    found_model = model or here[1] or (project.root.name if project else None)
    return Names(team or here[0] or settings.team_name, found_model)


def s3_of(project: Project | None) -> S3Options | None:
    """The options of the repository's default remote where that is on S3."""
    if project is None or not project.remote_name or not is_on_s3(project.remote_url):
        return None
    return S3Options.of(project.remote_name, project.remote_url or "", project.remote_options)


def team_and_bucket(folder: Path, team: str | None, bucket: str | None) -> tuple[str, str]:
    """The team and the bucket that a command in this folder is about. Raises `CPVError` where no team is known."""
    project, own = around(folder), personal_settings.load_settings()
    found = team_and_model(project, own, None, None).team if team is None else team
    if found is None:
        raise CPVError("the team's name is missing", fix="dvc cpv access --team-name NAME")
    here = s3_of(project)
    return found, bucket if bucket is not None else here.bucket if here else own.aws.bucket
