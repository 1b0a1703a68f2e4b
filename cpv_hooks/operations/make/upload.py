"""Uploading a checkpoint: a file or a folder becomes the next version of the model, or of the data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cpv_hooks.console.plan import Plan
from cpv_hooks.metric_formats.log_lines import Metric
from cpv_hooks.operations.make import make_version, metrics_line, target_artifact, work_tree
from cpv_hooks.operations.make.commit_draft import PointerChange
from cpv_hooks.operations.make.work_tree import Tracked
from cpv_hooks.project.pointers_at import pointers_at
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.transfer.objects.on_dask import OnDask


def plan_upload(
    project: Project,
    line: Line,
    source: Path,
    *,
    metrics: Mapping[str, Metric] | None = None,
    version: str | None = None,
    message: str | None = None,
    dask: str | None = None,
) -> Plan[str]:
    """Plan to put `source` in the artifact's place, upload it, commit its pointer and tag the commit; returns the tag.

    With `dask` the workers of the Dask cluster there hash, cache and upload the files of a folder. `metrics` become a
    line of the metrics log; what a training run has written there is taken with a model anyway. Nothing is changed
    before all data is on the remote, verified, and what fails after that is undone. What stood in the place goes on the
    rescue list where no commit at HEAD has it. The user's own Git hooks run and may refuse. It uploads whatever
    `[push] when` says, `never` included. Content that HEAD has already makes no commit: its tag is the result, or HEAD
    gets one.

    Raises `CPVError` (`RemoteError`, `BeingWritten`) with everything as it was.
    """
    make_version.begin_operation(project)
    spread = OnDask(project, dask) if dask else None
    tracked = work_tree.tracked_artifacts(project, spread)
    if metrics is not None:
        metrics_line.checked_metrics(metrics)
    main = target_artifact.target_change(project, line, source, tracked, spread)
    changes = [main]
    if metrics:
        changes.append(metrics_line.metrics_change(project, metrics, tracked, main.space))
    elif line is Line.MODEL:
        changes += _logs(project, tracked, main)
    done = make_version.plan_version(
        project,
        f"{line} upload",
        changes,
        [line],
        version=version,
        messages={line: message},
        description=f"upload {main.pointer.path}",
        reuse=True,
    )
    return Plan(done.effects, done.expected[0], lambda: done.run()[0])


def _logs(project: Project, tracked: list[Tracked], main: PointerChange) -> list[PointerChange]:
    """The metrics logs that a training run wrote to."""
    logs = [one for one in tracked if project.kind_of(one.pointer.path) == "metrics" and one.pointer.writable]
    others = [one for one in logs if one.pointer.path != main.pointer.path]
    return work_tree.unsaved(others, pointers_at(project, "HEAD"))
