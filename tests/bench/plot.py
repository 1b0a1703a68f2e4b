"""A curve as an SVG file: seconds and memory over size, both axes logarithmic."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape

from bench.curves import Curve, Point, order_at_the_end

# Told apart by people who see few colours too (Okabe and Ito).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
WIDTH, HEIGHT, LEFT, TOP, GAP = 380, 260, 70, 46, 90
GRID = 'stroke="#ddd"'


def svg(curve: Curve) -> str:
    """The text of the file."""
    legend = TOP + HEIGHT + 66
    total = (LEFT + 2 * WIDTH + GAP + 20, legend + 18 * len(curve.lines))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total[0]}" height="{total[1]}" '
        f'viewBox="0 0 {total[0]} {total[1]}" font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="15">{escape(curve.title)}</text>',
        *_panel(curve, LEFT, "seconds", lambda point: point.seconds),
        *_panel(curve, LEFT + WIDTH + GAP, "MB of the largest process", lambda point: point.peak_mb),
    ]
    for number, (name, points) in enumerate(curve.lines.items()):
        y, slope = legend + 18 * number, order_at_the_end(points)
        grows = "" if slope is None else f", at the end size^{slope:.2f}"
        parts.append(f'<rect x="{LEFT}" y="{y - 9}" width="14" height="4" fill="{_colour(number)}"/>')
        parts.append(f'<text x="{LEFT + 20}" y="{y - 2}">{escape(name + grows)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(curve: Curve, left: int, label: str, value: Callable[[Point], float]) -> Iterator[str]:
    points = [point for line in curve.lines.values() for point in line]
    across = _Scale([point.size for point in points], left, left + WIDTH)
    up = _Scale([value(point) for point in points], TOP + HEIGHT, TOP)
    bottom = TOP + HEIGHT
    yield f'<text x="{left}" y="{TOP - 8}">{escape(label)}</text>'
    yield f'<text x="{left + WIDTH / 2}" y="{bottom + 36}" text-anchor="middle">{escape(curve.axis)}</text>'
    for power in across.powers():
        x = across(10.0**power)
        yield f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}" {GRID}/>'
        yield f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{_number(power)}</text>'
    for power in up.powers():
        y = up(10.0**power)
        yield f'<line x1="{left}" y1="{y:.1f}" x2="{left + WIDTH}" y2="{y:.1f}" {GRID}/>'
        yield f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(power)}</text>'
    for number, line in enumerate(curve.lines.values()):
        places = [(across(point.size), up(value(point))) for point in line]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        yield f'<polyline points="{path}" fill="none" stroke="{_colour(number)}" stroke-width="2"/>'
        for x, y in places:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_colour(number)}"/>'


class _Scale:
    """Whole powers of ten around some values, laid over a length of the drawing."""

    def __init__(self, values: Sequence[float], start: int, end: int) -> None:
        self.low = math.floor(math.log10(min(values)))
        self.high = max(self.low + 1, math.ceil(math.log10(max(values))))
        self.start, self.end = start, end

    def __call__(self, value: float) -> float:
        return self.start + (math.log10(value) - self.low) / (self.high - self.low) * (self.end - self.start)

    def powers(self) -> range:
        return range(self.low, self.high + 1)


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _number(power: int) -> str:
    return f"{10**power:,}" if power >= 0 else f"{10.0**power:g}"
