"""Results as a table for people and as data for programs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median, quantiles
from typing import Any

from bench.curves import Curve, order, order_at_the_end
from bench.measure import Row

NOISE = 0.001
"""Seconds; a peer that adds less to the base is not a number to divide by."""
HEAD = ("contestant", "median", "middle half", "cpv / it", "aim", "CPU", "cpv / it", "aim", "MB")
CURVE_HEAD = ("step", "seconds", "order", "at the end", "MB")


def seconds(row: Row, name: str) -> list[float]:
    """A contestant's seconds, round by round; what the base took in the same round is taken off where there is one."""
    taken = [sample.seconds for sample in row.samples[name]]
    if row.base is None or name == row.base:
        return taken
    return [its - base.seconds for its, base in zip(taken, row.samples[row.base], strict=False)]


def ratio(row: Row, peer: str) -> float | None:
    """Ours against a peer's: the median of the rounds' own ratios, or the ratio of what is added to the base."""
    ours, theirs = next(iter(row.samples)), row.samples.get(peer, ())
    if not theirs or peer in (ours, row.base):
        return None
    if row.base:
        added = median(seconds(row, peer))
        return median(seconds(row, ours)) / added if added > NOISE else None
    pairs = zip(row.samples[ours], theirs, strict=False)  # a slow peer has fewer rounds
    return median(mine.seconds / its.seconds for mine, its in pairs)


def cpu_ratio(row: Row, peer: str) -> float | None:
    """Our processor time against a peer's: the median of the rounds' own ratios."""
    ours, theirs = next(iter(row.samples)), row.samples.get(peer, ())
    if peer == ours or row.base:
        return None
    pairs = [(mine.cpu, its.cpu) for mine, its in zip(row.samples[ours], theirs, strict=False) if its.cpu]
    return median(mine / its for mine, its in pairs) if pairs else None


def as_data(result: Row | Curve) -> dict[str, Any]:
    """What the JSON file holds of a result."""
    if isinstance(result, Curve):
        orders = {name: order(points) for name, points in result.lines.items()}
        ends = {name: order_at_the_end(points) for name, points in result.lines.items()}
        return {"curve": result.name, **asdict(result), "order": orders, "order_at_the_end": ends}
    return {
        **asdict(result),
        "median": {name: median(seconds(result, name)) for name, samples in result.samples.items() if samples},
        "ratio": {peer: ratio(result, peer) for peer in result.samples},
        "cpu_ratio": {peer: cpu_ratio(result, peer) for peer in result.samples},
    }


def show(result: Row | Curve) -> None:
    """Print a result: with lines and colours on a terminal, as plain text elsewhere."""
    title, head, lines = _table(result)
    if sys.stdout.isatty():
        _show_rich(title, head, lines, result.notes)
        return
    widths = [max(len(line[column]) for line in (head, *lines)) for column in range(len(head))]
    print(f"\n{title}")
    for line in (head, *lines):
        padded = [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        print("  " + "  ".join([line[0].ljust(widths[0]), *padded]))
    for note in result.notes:
        print(f"  {note}")
    sys.stdout.flush()


def show_machine(machine: Mapping[str, str]) -> None:
    """Print what the numbers come from."""
    print("\n" + "; ".join(f"{name} {value}" for name, value in machine.items()))
    if float(machine["load"]) > float(machine["cores"]):
        print("The machine had other work: the ratios mean more than the times.")


def _show_rich(title: str, head: Sequence[str], lines: Sequence[Sequence[str]], notes: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", caption="\n".join(notes) or None, caption_justify="left")
    for number, name in enumerate(head):
        table.add_column(name, justify="right" if number else "left")
    for line in lines:
        table.add_row(*line)
    Console().print(table)


def _table(result: Row | Curve) -> tuple[str, Sequence[str], list[Sequence[str]]]:
    if isinstance(result, Curve):
        return f"{result.title}: how cost grows with {result.axis}", CURVE_HEAD, _curve_lines(result)
    added = f" (what is added to {result.base})" if result.base else ""
    return result.work + added, HEAD, _row_lines(result)


def _row_lines(row: Row) -> list[Sequence[str]]:
    lines: list[Sequence[str]] = []
    for name, samples in row.samples.items():
        if not samples:
            continue
        values = seconds(row, name)
        low, middle, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
        own = ratio(row, name)
        aim = f"{row.target.ratio:.2f}" if row.target and row.target.peer == name else ""
        is_of_cpu = bool(row.target and row.target.cpu)
        cpu, own_cpu = median(sample.cpu for sample in samples), cpu_ratio(row, name)
        of_cpu = _seconds(cpu) if cpu else ""
        in_cpu = "" if own_cpu is None else f"{own_cpu:.2f}"
        peak = f"{max(sample.peak_mb for sample in samples):.0f}"
        taken = f"({_seconds(middle)})" if name == row.base else _seconds(middle)
        spread = f"{_seconds(low)} to {_seconds(high)}"
        of_time = "" if own is None else f"{own:.2f}"
        aims = ("", aim) if is_of_cpu else (aim, "")
        lines.append((name, taken, spread, of_time, aims[0], of_cpu, in_cpu, aims[1], peak))
    return lines


def _curve_lines(curve: Curve) -> list[Sequence[str]]:
    lines: list[Sequence[str]] = []
    for name, points in curve.lines.items():
        taken = ", ".join(f"{point.size:g}: {_seconds(point.seconds)}" for point in points)
        fits = [order(points), order_at_the_end(points)]
        peaks = f"{points[0].peak_mb:.0f} to {max(point.peak_mb for point in points):.0f}"
        lines.append((name, taken, *("" if fit is None else f"{fit:.2f}" for fit in fits), peaks))
    return lines


def _seconds(value: float) -> str:
    if abs(value) < 0.0995:
        return f"{value * 1000:.2f} ms" if abs(value) < 0.00995 else f"{value * 1000:.1f} ms"
    return f"{value:.2f} s" if abs(value) < 99.5 else f"{value:.0f} s"
