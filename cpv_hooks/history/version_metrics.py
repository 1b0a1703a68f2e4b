"""The metrics of a version."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.git.objects import objects_of
from cpv_hooks.git.records import TagObject, parse_tag
from cpv_hooks.git.repo import Repo
from cpv_hooks.metric_formats.metric_places import source_of
from cpv_hooks.metric_formats.metrics import line_number_of
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.project import Project
from cpv_hooks.transfer.objects.store import Store
from cpv_hooks.versions import commit_metrics, tag_refs
from cpv_hooks.versions.commit_metrics import MetricsFile, file_metrics
from cpv_hooks.versions.tag_message import read_metrics
from cpv_hooks.versions.version import Version


def metrics_of_version(
    project: Project, version: Version, find: Callable[[Pointer], Path | None]
) -> dict[str, int | float | str]:
    """What the version's tag says; else what is in its metrics files, where `find` knows them.

    With several files each key says which one it is from.
    """
    return (
        said_by_tag(project.repo, version.name)
        or commit_metrics.read_commit_metrics(((project, pointer) for pointer in version.pointers), find).values
    )


def said_by_tag(repo: Repo, name: str) -> dict[str, int | float | str]:
    """The metrics in the message of a tag; none where it says none, or has no message."""
    tag = tag_object(repo, name)
    return read_metrics(tag.message) if tag is not None else {}


def tag_object(repo: Repo, name: str) -> TagObject | None:
    """What an annotated tag says; None for another, and where it is not there."""
    oid = tag_refs.tag_oids(repo).get(name)
    found = objects_of(repo).read(oid) if oid is not None else None
    return parse_tag(found.data) if found is not None and found.kind == "tag" and found.data else None


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
