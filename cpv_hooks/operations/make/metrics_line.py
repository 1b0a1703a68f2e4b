"""Metrics that a user hands over with a model: checked, and written as one JSON line of the metrics log."""

from __future__ import annotations

import json
import math
import posixpath
from collections.abc import Mapping, Sequence

from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError, disk_errors, file_word
from cpv_hooks.metric_formats.limits import MAX_KEY, MAX_METRICS, MAX_TEXT, is_metric_name
from cpv_hooks.metric_formats.log_lines import Metric
from cpv_hooks.operations.make.commit_draft import PointerChange
from cpv_hooks.operations.make.new_content import of_bytes
from cpv_hooks.operations.make.work_tree import Tracked
from cpv_hooks.project.config import FILE
from cpv_hooks.project.project import Project, is_pattern
from cpv_hooks.worktree.workspace import Workspace

_LARGEST = 1 << 63


def checked_metrics(metrics: Mapping[str, Metric]) -> dict[str, Metric]:
    """The metrics, or a `CPVError` that says which one no tag could carry."""
    if len(metrics) > MAX_METRICS:
        raise CPVError(f"{len(metrics)} metrics are more than {MAX_METRICS}", fix="pass only those that matter")
    for name, value in metrics.items():
        if not is_metric_name(name):
            what = f"{str(name)[:MAX_KEY]!r} is not the name of a metric (1 to {MAX_KEY} printable characters)"
            raise CPVError(what, fix="rename it")
        problem = _problem(value)
        if problem is not None:
            raise CPVError(f"metric {name}: {problem}", fix="pass a finite number or a short text")
    return dict(metrics)


def _problem(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return f"{type(value).__name__} is neither a number nor a text"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is not a finite number"
    if isinstance(value, int) and abs(value) >= _LARGEST:
        return "the number is too large (64 bits)"
    if isinstance(value, str) and (len(value) > MAX_TEXT or not value.isprintable()):
        return f"the text is longer than {MAX_TEXT} characters or not printable"
    return None


def metrics_change(
    project: Project, metrics: Mapping[str, Metric], tracked: Sequence[Tracked], space: Workspace
) -> PointerChange:
    """The metrics log with one line more; the log is the first metrics artifact, made where there is none."""
    one = _log(project, tracked, space)
    old = _content(one)
    gap = b"" if not old or old.endswith(b"\n") else b"\n"
    line = json.dumps(checked_metrics(metrics), ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n"
    return PointerChange(one.space, one.pointer, of_bytes(old + gap + line), in_place=False, nothing_lost=True)


def _log(project: Project, tracked: Sequence[Tracked], space: Workspace) -> Tracked:
    for pattern in project.config.artifacts.get("metrics", ()):
        if not is_pattern(pattern):
            path = project.prefix + posixpath.normpath(pattern)
            new = Tracked(space, Pointer(file=f"{path}.dvc", path=path, oid=None))
            return next((one for one in tracked if one.pointer.path == path), new)
    found = next((one for one in tracked if project.kind_of(one.pointer.path) == "metrics"), None)
    if found is None:
        fix = f'metrics = ["metrics.log"] under [artifacts] in {FILE}'
        raise CPVError("no metrics artifact is configured", where=str(project.root / FILE), fix=fix)
    return found


def _content(one: Tracked) -> bytes:
    path, target = one.pointer.path, one.space.target(one.pointer.path)
    if not one.pointer.writable:
        raise CPVError("belongs to a stage of dvc.yaml", where=path, fix="name another metrics log in .cpv.toml")
    status = one.space.status(path)
    if status is None and one.pointer.oid is not None:
        raise CPVError("is not in the work tree", where=path, fix=f"dvc cpv sync {file_word(path)}")
    if status is not None and not target.is_file():
        raise CPVError("is a folder, so no line can be added", where=path, fix="name a file in .cpv.toml")
    with disk_errors(target):
        return target.read_bytes() if status is not None else b""
