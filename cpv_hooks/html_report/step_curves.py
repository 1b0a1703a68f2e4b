"""The metrics of versions step by step, thinned to what a page can carry."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TypedDict

from cpv_hooks.history.reader import Recorded
from cpv_hooks.history.version_series import SeriesReader
from cpv_hooks.html_report.tables import RowTable
from cpv_hooks.metric_formats.series import MetricSeries
from cpv_hooks.project.project import Project

_MOST_POINTS = 36_000
"""Of all curves together."""
_POINTS = 100
"""Of one curve."""
_MOST_CURVES = 12
"""Of one version."""
_MOST_BYTES = 64 << 20
"""Bytes of metrics files that are read."""


class CurveEntry(TypedDict):
    """A metric of a version step by step. A value that is no number (NaN, infinity) is null."""

    name: str
    axis: str
    """What the steps count."""
    file: str
    steps: list[int]
    values: list[float | None]


class StepCurves:
    """Reads the metrics files in the cache, until there are enough points; `table.rows` are lists of curves."""

    def __init__(self, projects: Sequence[Project]) -> None:
        self._reader = SeriesReader(projects)
        self._points = _MOST_POINTS
        self._bytes = _MOST_BYTES
        self._known: dict[tuple[str | None, ...], int | None] = {}
        self.table = RowTable[str]()
        self.trouble: list[str] = []

    def of(self, one: Recorded) -> int | None:
        """Where the curves of a version are; None where it has none, or is one of those that are no more read."""
        # A trainer's state may lie in a model's folder.
        key = tuple(item.pointer.oid for item in one.artifacts if item.kind == "metrics" or item.pointer.isdir)
        if key not in self._known:
            size = sum(item.pointer.size or 0 for item in one.artifacts if item.kind == "metrics")
            enough = self._points <= 0 or size > self._bytes
            self._known[key] = None if enough else self._read(one, size)
        return self._known[key]

    def _read(self, one: Recorded, size: int) -> int | None:
        self._bytes -= size
        found = self._reader.read(one)
        self.trouble += [f"{one.name}: {error}" for error in found.errors]
        curves = [_entry(series) for series in found.series if len(series.steps) > 1][:_MOST_CURVES]
        text = json.dumps(curves)
        if text not in self.table:
            self._points -= sum(len(curve["steps"]) for curve in curves)
        return self.table.index(text, curves) if curves else None


def _entry(series: MetricSeries) -> CurveEntry:
    few = series.thinned(_POINTS)
    return CurveEntry(
        name=series.name,
        axis=series.axis,
        file=series.file,
        steps=list(few.steps),
        values=[float(f"{value:.6g}") if value - value == 0 else None for value in few.values],
    )
