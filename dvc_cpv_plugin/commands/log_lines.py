"""How `dvc cpv log` shows a version: a block of lines, a line, a row of a table."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime

from cpv_hooks.console.output import printable, size_text
from cpv_hooks.history.log import LogEntry

_COLUMNS = (
    "tag", "line", "stages", "timestamp", "author", "commit", "message", "before", "changed", "size", "size_change",
    "in_cache", "on_remote", "retired", "error",
)  # fmt: skip


def block(entry: LogEntry) -> Iterator[str]:
    stages = f" ({', '.join(entry['stages'])})" if entry["stages"] else ""
    who = entry["author"].partition(" <")[0]
    head = [_coloured(33, entry["tag"]) + stages, _when(entry), printable(who), entry["commit"][:10]]
    yield "  ".join(filter(None, head))
    if entry["error"]:
        yield f"    {_coloured(31, entry['error'])}"
    else:
        changed = f"{', '.join(entry['changed'])} changed" if entry["changed"] else "nothing changed"
        yield f"    {changed}; {_size(entry)}; {_place(entry)}"
    if entry["retired"]:
        yield f"    {_retired(entry)}"
    if entry["metrics"]:
        yield f"    {'  '.join(_metrics(entry))}"
    if entry["best"]:
        yield f"    {_best(entry)}"
    if entry["message"]:
        yield f"    {printable(_message(entry))}"
    yield ""


def row(entry: LogEntry) -> Sequence[str]:
    """A line in a pipe: always the same fields, in the same order."""
    cells = [
        entry["tag"],
        ",".join(entry["stages"]),
        entry["timestamp"],
        entry["author"],
        entry["commit"][:10],
        ",".join(entry["changed"]),
        _size(entry),
        " ".join(_metrics(entry)),
        entry["error"] or (f"{_retired(entry)}; {_place(entry)}" if entry["retired"] else _place(entry)),
        _message(entry),
    ]
    return [printable(cell) for cell in ([*cells, _best(entry)] if entry["best"] else cells)]


def _coloured(colour: int, text: str) -> str:
    shown = printable(text)
    return shown if os.environ.get("NO_COLOR") else f"\x1b[{colour}m{shown}\x1b[m"


def _message(entry: LogEntry) -> str:
    """Without the tag, which the message of an automatic one begins with."""
    return entry["message"].removeprefix(f"{entry['tag']}: ")


def _when(entry: LogEntry) -> str:
    return datetime.fromisoformat(entry["timestamp"]).astimezone().strftime("%Y-%m-%d %H:%M")


def _size(entry: LogEntry) -> str:
    size, change = entry["size"], entry["size_change"]
    if size is None:
        return "?"
    return size_text(size) + (f" ({'+' if change > 0 else '-'}{size_text(abs(change))})" if change else "")


def _metrics(entry: LogEntry) -> Iterator[str]:
    for key, value in entry["metrics"].items():
        change = entry["metrics_change"].get(key)
        shown = value if isinstance(value, str) else f"{value:.6g}" if isinstance(value, float) else str(value)
        yield printable(f"{key}={shown}") + (f" ({change:+.4g})" if change else "")


def _retired(entry: LogEntry) -> str:
    found = entry["retired"]
    if found is None:
        return ""
    why = f": {found['reason']}" if found["reason"] else ""
    return printable(f"retired on {found['timestamp'][:10]} by {found['author'].partition(' <')[0]}{why}")


def _place(entry: LogEntry) -> str:
    cache = "in the cache" if entry["in_cache"] else "not in the cache"
    return f"{cache}, {_REMOTE[entry['on_remote']]}"


_REMOTE = {True: "on the remote", False: "not on the remote", None: "remote not known"}


def _best(entry: LogEntry) -> str:
    best = entry["best"]
    assert best is not None
    if best["file"] is None:
        return printable(f"{best['metric']} {best['value']}: the tag says so, no metrics file in the cache does")
    line = f", line {best['line']}" if best["line"] else ""
    return printable(f"{best['metric']} {best['value']}: {best['file']}{line}")


def csv_table(entries: Sequence[LogEntry]) -> None:
    """Print all of them, with a column for each metric."""
    metrics = sorted({key for entry in entries for key in entry["metrics"]})
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*_COLUMNS, *(_plain(f"metrics.{key}") for key in metrics)])
    for entry in entries:
        shown = {**entry, "retired": _retired(entry) or None}
        cells = [_cell(shown[column]) for column in _COLUMNS]
        writer.writerow([*cells, *(_cell(entry["metrics"].get(key)) for key in metrics)])


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) or value is None:
        return "" if value is None else str(value)
    return _plain(" ".join(map(str, value)) if isinstance(value, list) else str(value))


def _plain(text: str) -> str:
    """Text that drives no terminal, and that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    shown = printable(text)
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@")) else shown
