"""The last metrics that a training run wrote.

Logs are read line by line (`log_lines`): a later line wins, one that says nothing is passed over. Whole documents and
tables: see `metrics_documents`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from cpv_hooks.metric_formats.limits import MAX_KEY, MAX_METRICS, MAX_TEXT
from cpv_hooks.metric_formats.log_lines import (
    TAIL_BYTES,
    Metric,
    encoding_of,
    first_line,
    parse_log_line,
    value_of,
)
from cpv_hooks.metric_formats.metric_places import place_of
from cpv_hooks.metric_formats.metrics_documents import (
    MAX_BYTES,
    heading,
    merged_rows,
    read_document,
    read_rows,
)


def last_metrics(path: Path, name: str = "") -> dict[str, Metric]:
    """The last value of each metric in a document, or in the last 64 KiB of a table or log; empty where there are none.

    `name` is the file's own, where `path` is another. Keys are at most 100 characters, texts at most 200, and there are
    at most 50 metrics. Raises `OSError` where the file cannot be read.
    """
    name = name or path.name
    place = place_of(name)
    if place and place.format in ("events", "mlflow", "dvclive"):
        return _of_run(path, name)
    encoding = encoding_of(path)
    if path.stat().st_size <= MAX_BYTES:
        document = read_document(path.read_bytes().decode(encoding, "replace").removeprefix("\ufeff"), name)
        if document is not None:
            return dict(list(clean(document).items())[-MAX_METRICS:])
    return dict(list(merged_rows(map(clean, _rows(path, name, encoding))).items())[-MAX_METRICS:])


def _of_run(path: Path, name: str) -> dict[str, Metric]:
    """Of a file that is read as a whole; one that takes long to read has nothing to say at once."""
    from cpv_hooks.metric_formats.read_series import read_series

    return (
        {one.name: one.last for one in read_series(path, name, last=2000)} if path.stat().st_size <= MAX_BYTES else {}
    )


def _rows(path: Path, name: str, encoding: str) -> Iterator[Mapping[object, object]]:
    lines = list(_tail(path, encoding))
    table = heading(first_line(path, encoding), name)
    rows = list(read_rows(lines, *table)) if table else []
    if rows:
        return ({key: value_of(str(cell)) for key, cell in row.items()} for row in rows)
    return map(parse_log_line, lines)


def clean(values: Mapping[object, object]) -> dict[str, Metric]:
    """Only what a tag can carry: short text keys, numbers and short texts as values."""
    return {
        key: value[:MAX_TEXT] if isinstance(value, str) else value
        for key, value in values.items()
        if isinstance(key, str) and 0 < len(key) <= MAX_KEY and _scalar(value) and isinstance(value, int | float | str)
    }


def _scalar(value: object) -> bool:
    if isinstance(value, bool):
        return False
    # An integer of thousands of digits is no metric, and Python refuses to print it.
    return isinstance(value, float | str) or (isinstance(value, int) and abs(value) < 1 << 63)


def _tail(path: Path, encoding: str) -> Iterator[str]:
    width = 2 if encoding.startswith("utf-16") else 1
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        start = max(0, size - TAIL_BYTES) // width * width
        # One character early: where that is a newline, the first line of the tail is whole.
        stream.seek(max(0, start - width))
        data = stream.read(TAIL_BYTES + width)
    lines = data.decode(encoding, "replace").removeprefix("\ufeff").splitlines()
    yield from lines[1:] if start else lines


def line_number_of(path: Path, key: str) -> int | None:
    """The number of the last line that says a metric, of those that `last_metrics` looks at; None where none does."""
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        start = max(0, size - TAIL_BYTES)
        stream.seek(0)
        before = 0
        while start:
            chunk = stream.read(min(start, 1 << 20))
            before += chunk.count(b"\n")
            start -= len(chunk)
        lines = stream.read(TAIL_BYTES).split(b"\n")
    for number, raw in reversed(list(enumerate(lines, before + 1))):
        if any(key in clean(parse_log_line(line)) for line in raw.decode("utf-8", "replace").splitlines()):
            return number
    return None


def metrics_for_json(metrics: Mapping[str, Metric]) -> dict[str, Metric]:
    """JSON has no NaN and no infinity: they become text."""
    return {
        key: str(value) if isinstance(value, float) and value - value != 0 else value for key, value in metrics.items()
    }
