"""What an exported version says of itself beside its files: name, commit, date, description, metrics, its data."""

from __future__ import annotations

from collections.abc import Mapping

from cpv_hooks.history.version_metrics import in_cache, metrics_of_version
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.versions import tag_refs
from cpv_hooks.versions.version import Version


class ExportFacts(NamedTuple):
    """`created` is the commit's date (ISO 8601 with its zone), `data` the data version on the same commit, if any."""

    name: str
    team: str | None
    tag: str
    commit: str
    created: str
    message: str
    metrics: Mapping[str, int | float]
    data: str | None


def export_facts(project: Project, version: Version) -> ExportFacts:
    """Look them up. Of metrics the numbers count."""
    repo = project.repo
    created, _, message = repo.run("show", "-s", "--format=%cI%n%s", version.commit).partition("\n")
    values = metrics_of_version(project, version, lambda pointer: in_cache(project, pointer))
    numbers = {key: value for key, value in values.items() if not isinstance(value, str | bool)}
    return ExportFacts(
        project.config.model or project.root.name,
        project.config.team,
        version.name,
        version.commit,
        created,
        message.strip(),
        numbers,
        _data_version(project, version.commit),
    )


def _data_version(project: Project, commit: str) -> str | None:
    scheme = scheme_of(project.config)
    named = [(scheme.parse(Line.DATA, tag.name), tag.name) for tag in tag_refs.read_tags(project.repo, commit=commit)]
    return max(((number, name) for number, name in named if number is not None), default=((), None))[1]
