"""The metrics of a version."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.metric_formats.metric_places import source_of
from cpv_hooks.metric_formats.metrics import line_number_of
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.project import Project
from cpv_hooks.transfer.objects.store import Store
from cpv_hooks.versions import commit_metrics, tag_refs
from cpv_hooks.versions.commit_metrics import MetricsFile, file_metrics
from cpv_hooks.versions.version import Version


def metrics_of_version(
    project: Project, version: Version, find: Callable[[Pointer], Path | None]
) -> dict[str, int | float | str]:
    """What the version's tag says; else what is in its metrics files, where `find` knows them.

    With several files each key says which one it is from.
    """
    tags = tag_refs.read_tags(project.repo, name=version.name)
    if tags and tags[0].info.metrics:
        return dict(tags[0].info.metrics)
    return commit_metrics.read_commit_metrics(((project, pointer) for pointer in version.pointers), find).values


class Origin(NamedTuple):
    """Where a metric is from: a file of the version, and the line in it as far as that is known."""

    file: str
    line: int | None


def origin(files: Iterable[MetricsFile], key: str, value: object) -> Origin | None:
    """The metrics file that says this last, and the line; None where none of these files does."""
    for file in files:
        values = file_metrics(file)
        for name in (key, key.removeprefix(f"{source_of(file.name)}:")):
            if values.get(name) == value:
                return Origin(file.name, line_number_of(file.path, name))
    return None


def in_cache(project: Project, pointer: Pointer) -> Path | None:
    """A file artifact's object in the cache, if it is there."""
    blob = Store(project, legacy=pointer.legacy).blob(pointer.oid) if pointer.oid else None
    return blob.path if blob else None
