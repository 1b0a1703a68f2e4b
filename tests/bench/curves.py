"""How cost grows: the same steps at several sizes, and the order that fits them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.measure import Row


@dataclass(frozen=True)
class Point:
    """Medians at one size: seconds and MB of memory."""

    size: float
    seconds: float
    peak_mb: float


@dataclass(frozen=True)
class Curve:
    """The points of each step over growing sizes; `axis` says what a size is."""

    name: str
    title: str
    axis: str
    lines: Mapping[str, Sequence[Point]]
    notes: Sequence[str] = field(default_factory=tuple)


def curve(name: str, title: str, axis: str, rows: Mapping[int, Row], notes: Sequence[str] = ()) -> Curve:
    """The curve of what was measured at each size."""
    lines: dict[str, list[Point]] = {}
    for size, row in sorted(rows.items()):
        for step, samples in row.samples.items():
            if samples:
                seconds = median(sample.seconds for sample in samples)
                peak = max(sample.peak_mb for sample in samples)
                lines.setdefault(step, []).append(Point(size, seconds, peak))
    return Curve(name, title, axis, lines, notes)


def order(points: Sequence[Point]) -> float | None:
    """The exponent of the power of size that seconds follow: the least-squares slope of the logarithms.

    None for less than two points.
    """
    return _slope([(math.log(point.size), math.log(point.seconds)) for point in points])


def order_at_the_end(points: Sequence[Point]) -> float | None:
    """The exponent between the two largest sizes, where the cost of starting a process weighs least."""
    return order(points[-2:])


def _slope(pairs: Sequence[tuple[float, float]]) -> float | None:
    if len(pairs) < 2:
        return None
    middle_x = sum(x for x, _ in pairs) / len(pairs)
    middle_y = sum(y for _, y in pairs) / len(pairs)
    square = sum((x - middle_x) ** 2 for x, _ in pairs)
    return sum((x - middle_x) * (y - middle_y) for x, y in pairs) / square
