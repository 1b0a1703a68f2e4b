"""`dvc cpv validate`: the checklist of a repository, and of the personal settings, which need none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from cpv_hooks.checks.checklist import ALL, Subject, run
from cpv_hooks.checks.personal_checks import personal_checks
from cpv_hooks.console.check_result import Check, failed, guarded
from cpv_hooks.console.redact import redact
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project, managed_roots
from cpv_hooks.project.tag_schemes import Line


def everything(cwd: Path, seconds: float) -> list[Check]:
    """The checks of each DVC root around a folder, and the personal ones, all at once."""
    found, projects = _repository(cwd)
    looks: list[Callable[[], list[Check]]] = [partial(_checklist, project, projects, seconds) for project in projects]
    looks.append(partial(personal, seconds))
    with ThreadPoolExecutor(len(looks)) as pool:
        return found + [check for checks in pool.map(_call, looks) for check in checks]


def _call(look: Callable[[], list[Check]]) -> list[Check]:
    return look()


def _repository(cwd: Path) -> tuple[list[Check], list[Project]]:
    try:
        repo = Repo.discover(cwd)
        roots = managed_roots(repo)
    except CPVError as error:
        what = f"{error.where}: {error.what}, so the personal settings alone are looked at"
        return [Check("repository", "ok", what)], []
    if not roots:
        what = f"{repo.top}: CPV does not manage this repository (no .cpv.toml)"
        return [Check("repository", "warn", what, "dvc cpv init")], []
    found, projects = [], []
    for root in roots:
        try:
            projects.append(Project.open(repo, root))
        except CPVError as error:
            found.append(failed("repository", error))
    return found, projects


def _checklist(project: Project, projects: list[Project], seconds: float) -> list[Check]:
    lines = tuple(line for line in Line if line is Line.MODEL or _has_data(project))
    checks = run(Subject(project, lines), ALL, seconds=seconds)
    if len(projects) == 1:
        return checks
    where = project.prefix.rstrip("/") or "."
    return [replace(check, name=f"{check.name} ({where})") for check in checks]


def _has_data(project: Project) -> bool:
    """Whether there is training data, or was: a model need not have any."""
    patterns = project.config.artifacts.get("data", ())
    return any(any(project.root.glob(each)) for pattern in patterns for each in (pattern, f"{pattern}.dvc"))


def personal(seconds: float) -> list[Check]:
    """The personal settings, and what they lead to: AWS and the Git host."""
    from cpv_hooks.accounts.personal.settings import Settings, load, path

    loaded: list[Settings] = []

    def look() -> Iterator[Check]:
        loaded.append(load())
        yield Check("settings", "ok", f"{path()} is sound" if path().exists() else f"{path()}: none, so the defaults")

    found = guarded("settings", look)
    for settings in loaded:
        found += personal_checks(settings, seconds)
    return [replace(check, reason=redact(check.reason)) for check in found]
