"""The metrics of a version."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cpv_hooks.project.project import Project
from cpv_hooks.versions import commit_metrics, tag_refs
from cpv_hooks.versions.version import Version

if TYPE_CHECKING:
    from cpv_hooks.dvcformat.pointer import Pointer


def metrics(project: Project, version: Version, find: Callable[[Pointer], Path | None]) -> dict[str, int | float | str]:
    """What the version's tag says; else what is in its metrics files, where `find` knows them.

    With several files each key says which one it is from.
    """
    tags = tag_refs.read(project.repo, name=version.name)
    if tags and tags[0].info.metrics:
        return dict(tags[0].info.metrics)
    return commit_metrics.read(((project, pointer) for pointer in version.pointers), find).values


def in_files(pointers: Iterable[Pointer], find: Callable[[Pointer], Path | None]) -> dict[str, int | float | str]:
    """What is in metrics files, where `find` knows them. With several files each key says which one it is from."""
    logs = [pointer for pointer in pointers if pointer.oid and not pointer.isdir]
    found: dict[str, int | float | str] = {}
    for pointer in logs:
        values = _read(find(pointer), pointer)
        found.update(values if len(logs) == 1 else {f"{pointer.path}:{key}": value for key, value in values.items()})
    return found


class Origin(NamedTuple):
    """Where a metric is from: a file of the version, and the line in it as far as that is known."""

    file: str
    line: int | None


def origin(
    pointers: Iterable[Pointer], key: str, value: object, find: Callable[[Pointer], Path | None]
) -> Origin | None:
    """The metrics file that says this last, and the line; None where no file that `find` knows does."""
    from cpv_hooks.metric_formats.metrics import line_of

    logs = [pointer for pointer in pointers if pointer.oid and not pointer.isdir]
    for pointer in logs:
        name = key if len(logs) == 1 else key.removeprefix(f"{pointer.path}:")
        path = find(pointer)
        if path is not None and _read(path, pointer).get(name) == value:
            return Origin(pointer.path, line_of(path, name))
    return None


def in_cache(project: Project, pointer: Pointer) -> Path | None:
    """A file artifact's object in the cache, if it is there."""
    from cpv_hooks.transfer.objects.store import Store

    blob = Store(project, legacy=pointer.legacy).blob(pointer.oid) if pointer.oid else None
    return blob.path if blob else None


def _read(path: Path | None, pointer: Pointer) -> dict[str, int | float | str]:
    from cpv_hooks.project import plugins

    try:
        return plugins.metrics(path, pointer.path) if path else {}
    except OSError:
        return {}
