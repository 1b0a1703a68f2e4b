"""Names of this repository that a shell completes: versions, stages, runs. What is not one plain word is left out,
because a shell would take it for more than a name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from cpv_hooks.git.repo import Repo
from cpv_hooks.metric_formats.limits import MAX_STEP_DIGITS
from cpv_hooks.project.project import Project
from cpv_hooks.project.roots import projects_here

_PLAIN = re.compile(r"[A-Za-z0-9@][A-Za-z0-9@._/+-]*")
_STEP = re.compile(rf"\d{{1,{MAX_STEP_DIGITS}}}")
_LAST_STEPS = 20


def completions(what: str) -> list[str]:
    """Those of a kind of `KINDS`, in order. Raises `CPVError` outside a repository of CPV's."""
    repo = Repo.discover()
    return [name for name in dict.fromkeys(KINDS[what](repo, list(projects_here(repo)))) if _PLAIN.fullmatch(name)]


def _versions(repo: Repo, projects: list[Project]) -> Iterable[str]:
    """Versions, highest first, and the stages that stand for one."""
    from cpv_hooks.project.plugins import scheme_of
    from cpv_hooks.project.tag_schemes import Line
    from cpv_hooks.versions import tag_refs

    scheme, tags = scheme_of(projects[0].config), tag_refs.all_tag_names(repo)
    for line in Line:
        found = [(number, name) for name in tags if (number := scheme.parse(line, name)) is not None]
        yield from (name for _, name in sorted(found, reverse=True))
    yield from (f"@{stage}" for stage in _held(repo, projects))


def _revisions(repo: Repo, projects: list[Project]) -> Iterable[str]:
    yield from _versions(repo, projects)
    yield from repo.run("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads").splitlines()


def _held(repo: Repo, projects: list[Project]) -> Iterable[str]:
    from cpv_hooks.versions import stages

    return sorted(stages.current(repo, projects[0]))


def _stages(repo: Repo, projects: list[Project]) -> Iterable[str]:
    return [*projects[0].config.stages, *_held(repo, projects)]


def _runs(repo: Repo, projects: list[Project]) -> Iterable[str]:
    listed = repo.run("for-each-ref", "--format=%(refname:lstrip=3)", _RUNS).splitlines()
    return sorted({ref.rpartition("/")[0] for ref in listed})


def _steps(repo: Repo, projects: list[Project]) -> Iterable[str]:
    """Runs, and the last steps of each."""
    listed = repo.run("for-each-ref", "--format=%(refname:lstrip=3)", _RUNS).splitlines()
    steps: dict[str, list[int]] = {}
    for run, _, step in (ref.rpartition("/") for ref in listed):
        steps.setdefault(run, []).extend([int(step)] if _STEP.fullmatch(step) else [])
    for run in sorted(steps):
        yield run
        yield from (f"{run}@{step}" for step in sorted(steps[run], reverse=True)[:_LAST_STEPS])


def _metrics(repo: Repo, projects: list[Project]) -> Iterable[str]:
    """Those that tags of versions say, and those of the settings."""
    from cpv_hooks.versions import tag_refs

    goals = projects[0].config.metrics
    found = {name for tag in tag_refs.read_tags(repo) for name in tag.info.metrics}
    return sorted({*found, *goals.better, *([goals.main] if goals.main else [])})


_RUNS = "refs/cpv/runs"
KINDS: Mapping[str, Callable[[Repo, list[Project]], Iterable[str]]] = {
    "versions": _versions,
    "revisions": _revisions,
    "stages": _stages,
    "runs": _runs,
    "steps": _steps,
    "metrics": _metrics,
}
