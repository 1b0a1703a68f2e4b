"""`dvc cpv validate`: the checklist of a repository, and of the personal settings, which need none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from cpv_hooks.accounts.personal.personal_settings import load_settings, path
from cpv_hooks.accounts.personal.schema import Settings
from cpv_hooks.checks.checklist import ALL, SECONDS, run_checks
from cpv_hooks.checks.personal_checks import personal_checks
from cpv_hooks.checks.subject import Subject
from cpv_hooks.console.check_result import Check, failed_check, guarded
from cpv_hooks.console.redact import redact
from cpv_hooks.errors import CPVError
from cpv_hooks.git.no_repository import NoRepository
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project, managed_roots
from cpv_hooks.project.tag_schemes import Line


def validate_all(cwd: Path | None = None, *, seconds: float = SECONDS) -> list[Check]:
    """Every check that makes sense here: those of the repository around `cwd`, the Git host, the AWS credentials.

    Outside a repository the personal settings alone are looked at. Changes nothing, raises nothing.
    """
    found, projects = _repository(cwd or Path.cwd())
    looks: list[Callable[[], list[Check]]] = [partial(_checklist, project, projects, seconds) for project in projects]
    looks.append(partial(validate_credentials, seconds=seconds))
    with ThreadPoolExecutor(len(looks)) as pool:
        return found + [check for checks in pool.map(lambda look: look(), looks) for check in checks]


def _repository(cwd: Path) -> tuple[list[Check], list[Project]]:
    try:
        repo = Repo.discover(cwd)
        roots = managed_roots(repo)
    except NoRepository as error:
        what = f"{error.where}: {error.what}, so only the personal settings are checked"
        return [Check("repository", "ok", what)], []
    except CPVError as error:
        return [failed_check("repository", error)], []
    if not roots:
        what = f"{repo.top}: CPV does not manage this repository (no .cpv.toml)"
        return [Check("repository", "warn", what, "dvc cpv init")], []
    found, projects = [], []
    for root in roots:
        try:
            projects.append(Project.open(repo, root))
        except CPVError as error:
            found.append(failed_check("repository", error))
    return found, projects


def _checklist(project: Project, projects: list[Project], seconds: float) -> list[Check]:
    lines = tuple(line for line in Line if line is Line.MODEL or _has_data(project))
    checks = run_checks(Subject(project, lines), ALL, seconds=seconds)
    if len(projects) == 1:
        return checks
    where = project.prefix.rstrip("/") or "."
    return [check._replace(name=f"{check.name} ({where})") for check in checks]


def _has_data(project: Project) -> bool:
    """Whether there is training data, or was: a model need not have any."""
    patterns = project.config.artifacts.get("data", ())
    return any(any(project.root.glob(each)) for pattern in patterns for each in (pattern, f"{pattern}.dvc"))


def validate_credentials(*, seconds: float = SECONDS) -> list[Check]:
    """The personal settings alone, and what they lead to: `settings`, `aws` and `git-host`.

    Changes nothing, raises nothing. What is not configured is a warning.
    """
    loaded: list[Settings] = []

    def look() -> Iterator[Check]:
        loaded.append(load_settings())
        yield Check("settings", "ok", f"{path()} is sound" if path().exists() else f"{path()}: none, so the defaults")

    found = guarded("settings", look)
    for settings in loaded:
        found += personal_checks(settings, seconds)
    return [check._replace(reason=redact(check.reason)) for check in found]
