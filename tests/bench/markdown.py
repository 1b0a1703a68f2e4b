"""`docs/benchmarks.md`, as far as it is made from results: a table for each work, and the machine it was done on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

MARK = "<!-- Below: made from results by python -m tests.bench --markdown. -->\n"


def write(page: Path, runs: Sequence[Mapping[str, Any]]) -> None:
    """Put the results of these runs below the page's mark; what stands above stays."""
    text = page.read_text() if page.exists() else "# Benchmarks\n"
    page.write_text(f"{text.partition(MARK)[0].rstrip()}\n\n{MARK}\n{tables(runs)}")


def tables(runs: Sequence[Mapping[str, Any]]) -> str:
    """The generated part. Of work that was done in several runs the last one's results are shown."""
    newest = {_title(result): (run, result) for run in runs for result in run["results"]}
    parts = ["## Measured\n"]
    for run in runs:
        own = [result for of, result in newest.values() if of is run]
        if own:
            machine = run["machine"]
            parts.append(
                "; ".join(f"{name} {value}" for name, value in machine.items() if value != "not there") + ".\n"
            )
            if float(run["machine"].get("load", 0)) > float(run["machine"].get("cores", 1)):
                parts.append("The machine had other work: the ratios mean more than the times.\n")
            parts += [part for result in own for part in (_curve(result) if "curve" in result else _row(result))]
    return "\n".join(parts)


def _title(result: Mapping[str, Any]) -> str:
    return str(result["title"] if "curve" in result else result["work"])


def _row(row: Mapping[str, Any]) -> Iterator[str]:
    added = f" (what is added to {row['base']})" if row["base"] else ""
    yield f"### {row['work'][:1].upper()}{row['work'][1:]}{added}\n"
    lines = ["| | median | middle half | CPV / it | CPU | CPV / it | MB | aim |", "|---|---|---|---|---|---|---|---|"]
    target = row["target"] or {}
    for name, samples in row["samples"].items():
        if not samples:
            continue
        taken = _seconds(row, name)
        low, _, high = quantiles(taken, n=4, method="inclusive") if len(taken) > 1 else taken * 3
        cpu, peak = median(one["cpu"] for one in samples), max(one["peak_mb"] for one in samples)
        of = "of CPU" if target.get("cpu") else "of time"
        aim = f"{target['ratio']:.2f} {of}" if target.get("peer") == name else ""
        cells = [_time(median(taken)), f"{_time(low)} to {_time(high)}", _ratio(row["ratio"], name)]
        cells += [_time(cpu) if cpu else "", _ratio(row["cpu_ratio"], name), f"{peak:.0f}", aim]
        lines.append(f"| {_cell(name)} | {' | '.join(cells)} |")
    yield "\n".join(lines) + "\n"
    if row["notes"]:
        yield ". ".join(row["notes"]) + ".\n"


def _seconds(row: Mapping[str, Any], name: str) -> list[float]:
    taken = [one["seconds"] for one in row["samples"][name]]
    base = row["samples"].get(row["base"] or "")
    return taken if not base or name == row["base"] else [a - b["seconds"] for a, b in zip(taken, base, strict=False)]


def _curve(curve: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {curve['title']}\n"
    sizes = list(dict.fromkeys(point["size"] for points in curve["lines"].values() for point in points))
    heads = [f"{size:,g}" for size in sizes]
    lines = [f"| {_cell(curve['axis'])} | {' | '.join(heads)} | order at the end |", "|---" * (len(sizes) + 2) + "|"]
    for name, points in curve["lines"].items():
        at = {point["size"]: _time(point["seconds"]) for point in points}
        end = curve["order_at_the_end"][name]
        cells = [at.get(size, "") for size in sizes]
        lines.append(f"| {_cell(name)} | {' | '.join(cells)} | {'' if end is None else f'{end:.2f}'} |")
    yield "\n".join(lines) + "\n"


def _ratio(ratios: Mapping[str, float | None], name: str) -> str:
    found = ratios.get(name)
    return "" if found is None else f"{found:.2f}"


def _time(value: float) -> str:
    return f"{value:.2f} s" if abs(value) >= 0.1 else f"{value * 1000:.1f} ms"


def _cell(text: str) -> str:
    return re.sub(r"([|<>*_`])", r"\\\1", text)
