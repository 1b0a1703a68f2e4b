"""The metrics of a commit: those of its metrics artifacts, and of a trainer's state inside any artifact."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.console.output import warn
from cpv_hooks.dvcformat.directory_object import read_dir_object
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.metric_formats.metric_places import STATE, chosen, source_of
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.project import Project
from cpv_hooks.system.atomic_files import write_atomic

Values = dict[str, int | float | str]
Find = Callable[["Pointer"], "Path | None"]


class Metrics(NamedTuple):
    """What was found; `silent` are the metrics artifacts that have content and give none."""

    values: Values
    silent: tuple[str, ...]


class MetricsFile(NamedTuple):
    """A file in which metrics are: its name relative to the top, and where its content is."""

    name: str
    path: Path


def read_commit_metrics(artifacts: Iterable[tuple[Project, Pointer]], find: Find | None = None) -> Metrics:
    """The last metrics of these artifacts; `find` knows the file of one, by default the cache alone is asked.

    With several files each key says which one it is from. What the cache lacks is passed over.
    """
    logs: dict[str, Values] = {}
    states: dict[str, Values] = {}
    silent: list[str] = []
    for project, pointer in artifacts:
        is_log = project.kind_of(pointer.path) == "metrics"
        if is_log and pointer.oid and not pointer.isdir:
            logs[source_of(pointer.path)] = {}
        for file in metrics_files(project, pointer, find):
            values = file_metrics(file)
            group = states if file.name.rpartition("/")[2] == STATE else logs
            group.setdefault(source_of(file.name), {}).update(values)
            if is_log and not values and file.path.stat().st_size and not pointer.isdir:
                silent.append(pointer.path)
    found = _named(logs, alone=len(logs) == 1)
    found |= _named(states, alone=len(states) == 1 and not found)
    if not found:
        return Metrics(found, tuple(silent))
    from cpv_hooks.metric_formats.limits import MAX_METRICS

    return Metrics(dict(list(found.items())[:MAX_METRICS]), tuple(silent))


def _named(files: dict[str, Values], *, alone: bool) -> Values:
    return {key if alone else f"{name}:{key}": value for name, values in files.items() for key, value in values.items()}


def file_metrics(file: MetricsFile) -> Values:
    """The metrics in a file; none where it cannot be read."""
    from cpv_hooks.project import plugins

    try:
        return plugins.metrics_in(file.path, file.name)
    except OSError:
        return {}


def metrics_files(
    project: Project, pointer: Pointer, find: Find | None = None, *, all_steps: bool = False
) -> Iterator[MetricsFile]:
    """The files of an artifact in which metrics may be, of those that the cache has; see `read_commit_metrics`.

    With `all_steps` those too in which a metric is step by step, where another has the last value.
    """
    from cpv_hooks.transfer.objects.store import Store

    is_log = project.kind_of(pointer.path) == "metrics"
    if pointer.oid is None or (not is_log and project.kind_of(pointer.path) == "data"):
        return
    store = Store(project, legacy=pointer.legacy)

    def cached(oid: str) -> Path | None:
        blob = store.blob(oid)
        return blob.path if blob else None

    if pointer.isdir:
        for name, oid in _inside(cached(pointer.oid), pointer, is_log=is_log, all_steps=all_steps):
            path = cached(oid)
            if path is not None:
                yield MetricsFile(f"{pointer.path}/{name}", path)
    elif is_log or pointer.path.rpartition("/")[2] == STATE:
        path = find(pointer) if find else cached(pointer.oid)
        if path is not None:
            yield MetricsFile(pointer.path, path)


def _inside(listing: Path | None, pointer: Pointer, *, is_log: bool, all_steps: bool) -> list[tuple[str, str]]:
    """The files of a folder in which metrics are: relative path and object."""
    if listing is None or not (is_log or STATE.encode() in listing.read_bytes()):
        # A listing of 100,000 files is searched, not parsed.
        return []
    try:
        files = read_dir_object(listing, pointer.oid, legacy=pointer.legacy)
    except CPVError:
        return []
    objects = dict(files)
    return [(name, objects[name]) for name in chosen(objects, is_log=is_log, all_steps=all_steps)]


def tell_silent(repo: Repo, silent: Iterable[str]) -> None:
    """Say once of each metrics artifact that it gives no metrics; it is said again after it gave some."""
    place, now = repo.shared / state_files.NO_METRICS, sorted(silent)
    known: list[str] = []
    with suppress(OSError, ValueError):
        known = state_files.read_json(place)
    if now == known:
        return
    for path in now:
        if path not in known:
            what = "no metrics were found in it (JSON, YAML, TOML, CSV, JSON lines or key=value lines)"
            warn(str(CPVError(what, where=path, fix="a plugin's cpv_metrics reads other files")))
    with suppress(OSError):
        write_atomic(place, json.dumps(now).encode())
