"""A metric's values step by step."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, TypedDict, TypeGuard

from cpv_hooks.metric_formats.limits import MAX_KEY
from cpv_hooks.named_tuple import NamedTuple

Goal = Literal["max", "min"]
MAX_SERIES = 1000
"""Metrics of one file whose values are kept; those that come later are passed over."""
_STEPS = ("step", "global_step", "_step", "trainer/global_step", "iteration", "iter", "epoch")
"""What trainers call the number of a step; the first of these that a row has."""
ROW = "row"


class SeriesEntry(TypedDict):
    """A metric step by step, as JSON has it. A value that is no number (NaN, infinity) is null."""

    name: str
    file: str
    """The file that says so, relative to the top of the repository."""
    axis: str
    """What the steps count: `step`, `epoch`, or what else the file calls it; `row` where it numbers none."""
    steps: list[int]
    values: list[float | None]
    last: float | None
    goal: Goal | None
    """`max` or `min`: which value is best; null where neither the settings nor the name say so."""
    best: float | None
    best_step: int | None


class MetricSeries(NamedTuple):
    """A metric step by step: `values[i]` belongs to `steps[i]`, which are in order and differ. It has at least one.

    `axis` is what the steps count: `step`, `epoch`, or what else the file calls it; `row` where it numbers none. `goal`
    says which value is best; None where that is not known. `file` is where it is from.
    """

    name: str
    steps: Sequence[int]
    values: Sequence[float]
    axis: str = ROW
    goal: Goal | None = None
    file: str = ""

    @property
    def last(self) -> float:
        """The value at the last step."""
        return self.values[-1]

    @property
    def best(self) -> float | None:
        """The best value; None where the goal is not known, or no value is a number."""
        at = self._best_at()
        return None if at is None else self.values[at]

    @property
    def best_step(self) -> int | None:
        """The first step that has the best value."""
        at = self._best_at()
        return None if at is None else self.steps[at]

    def _best_at(self) -> int | None:
        if self.goal is None:
            return None
        numbers = (at for at, value in enumerate(self.values) if value == value)
        return (max if self.goal == "max" else min)(numbers, key=self.values.__getitem__, default=None)

    def thinned(self, most: int) -> MetricSeries:
        """The same with at most about `most` points (4 at least): of each stretch the lowest and the highest value."""
        count = len(self.steps)
        if count <= max(most, 4):
            return self
        kept, width = {0, count - 1}, -(-count // max(1, (most - 2) // 2))
        for start in range(0, count, width):
            numbers = [at for at in range(start, min(start + width, count)) if self.values[at] == self.values[at]]
            if numbers:
                kept |= {min(numbers, key=self.values.__getitem__), max(numbers, key=self.values.__getitem__)}
        chosen = sorted(kept)
        return self._replace(steps=[self.steps[at] for at in chosen], values=[self.values[at] for at in chosen])

    def for_json(self) -> SeriesEntry:
        return SeriesEntry(
            name=self.name,
            file=self.file,
            axis=self.axis,
            steps=list(self.steps),
            values=[_finite(value) for value in self.values],
            last=_finite(self.last),
            goal=self.goal,
            best=_finite(self.best),
            best_step=self.best_step,
        )


def _finite(value: float | None) -> float | None:
    return None if value is None or value - value != 0 else value


class _Points:
    def __init__(self, axis: str) -> None:
        self.axis = axis
        self.steps = array("q")
        self.values = array("d")

    def add(self, axis: str, step: int, value: float) -> None:
        if axis != self.axis and self.axis != ROW:
            # Steps that do not count the same thing cannot be in one order: the rows are.
            self.axis, self.steps = ROW, array("q", range(len(self.steps)))
        self.steps.append(step if self.axis != ROW else len(self.steps))
        self.values.append(value)


class Collector:
    """Takes the rows of a log in the order in which they were written. Where a step comes twice, as after a training
    went on from an earlier checkpoint, the later one counts."""

    def __init__(self) -> None:
        self._found: dict[str, _Points] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    def row(self, values: Mapping[Any, object]) -> None:
        """The metrics of one step: the numbers in a row, of which one may number the step."""
        axis, step = _step(values)
        for name, value in values.items():
            if isinstance(name, str) and name != axis and _is_number(value):
                self.point(name, axis, step, float(value))

    def point(self, name: str, axis: str, step: int, value: float) -> None:
        """A value of a metric."""
        points = self._found.get(name)
        if points is None:
            if len(self._found) == MAX_SERIES or not 0 < len(name) <= MAX_KEY:
                return
            points = self._found[name] = _Points(axis)
        points.add(axis, step, value)

    def series(self, file: str = "") -> list[MetricSeries]:
        """All of them, in the order in which they were seen first."""
        return [
            MetricSeries(name, *_in_order(points.steps, points.values), axis=points.axis, file=file)
            for name, points in self._found.items()
        ]


def series_of(rows: Iterable[Mapping[Any, object]], file: str = "") -> list[MetricSeries]:
    """The series in rows; see `Collector`."""
    collector = Collector()
    for row in rows:
        collector.row(row)
    return collector.series(file)


def merge_series(parts: Sequence[MetricSeries]) -> MetricSeries:
    """One metric of one run, out of the files that it is spread over, in the order in which they were written."""
    if len(parts) == 1:
        return parts[0]
    if len({part.axis for part in parts}) > 1 or parts[0].axis == ROW:
        return max(parts, key=lambda part: len(part.steps))
    steps, values = array("q"), array("d")
    for part in parts:
        steps.extend(part.steps)
        values.extend(part.values)
    steps_in_order, values_in_order = _in_order(steps, values)
    return parts[-1]._replace(steps=steps_in_order, values=values_in_order)


def _step(values: Mapping[Any, object]) -> tuple[str, int]:
    for name in _STEPS:
        value = values.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and -(1 << 63) <= value < 1 << 63:
            return name, value
    return ROW, 0


def _is_number(value: object) -> TypeGuard[int | float]:
    # An integer of hundreds of digits has no float.
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63)


def _in_order(steps: Sequence[int], values: Sequence[float]) -> tuple[Sequence[int], Sequence[float]]:
    if all(before < after for before, after in pairwise(steps)):
        return steps, values
    latest = dict(zip(steps, values, strict=True))
    ordered = sorted(latest)
    return array("q", ordered), array("d", map(latest.__getitem__, ordered))
