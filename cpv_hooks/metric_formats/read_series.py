"""The series in a metrics file, by its format. However large a file is, memory and time are bounded."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath

from cpv_hooks.metric_formats.event_file import read_events
from cpv_hooks.metric_formats.log_lines import encoding_of, first_line, parse_log_line, value_of
from cpv_hooks.metric_formats.metric_places import place_of
from cpv_hooks.metric_formats.metrics_documents import document_rows, heading, read_rows
from cpv_hooks.metric_formats.series import Collector, MetricSeries

MAX_BYTES = 32 << 20
"""Bytes of a file that are read: of a log or a table the last ones, of a document all or none."""
_MAX_LINE = 64 << 10
_LINES = 10_000


def read_series(path: Path, name: str = "", last: int | None = None) -> list[MetricSeries]:
    """The metrics in a file, step by step; empty where there are none. Raises `OSError` where it cannot be read.

    `name` is the file's own, where `path` is another. Of an event file only the `last` events are looked into.
    """
    name = name or path.name
    place, collector = place_of(name), Collector()
    if place and place.format == "events":
        read_events(path, collector, last)
    elif place and place.format == "mlflow":
        _mlflow(path, place.metric, collector)
    elif place and place.format == "dvclive":
        _dvclive(path, name, place.metric, collector)
    else:
        for reader in (_documents, _tables, _logs):
            reader(path, name, collector)
            if collector:
                break
    return collector.series(name)


def _mlflow(path: Path, metric: str, collector: Collector) -> None:
    """Lines of a time, a value and a step."""
    for line in _lines(path, "utf-8"):
        cells = line.split()
        if len(cells) >= 3 and re.fullmatch(r"-?\d{1,18}", cells[2]):
            value = value_of(cells[1])
            if not isinstance(value, str):
                collector.point(metric, "step", int(cells[2]), float(value))


def _dvclive(path: Path, name: str, metric: str, collector: Collector) -> None:
    """A table of the step, the time where it was asked for, and the metric under the last part of its name."""
    inner = Collector()
    _tables(path, name, inner)
    column = PurePosixPath(name).stem
    for one in inner.series():
        if one.name == column:
            for step, value in zip(one.steps, one.values, strict=True):
                collector.point(metric, one.axis, step, value)


def _documents(path: Path, name: str, collector: Collector) -> None:
    if path.stat().st_size <= MAX_BYTES:
        text = path.read_bytes().decode(encoding_of(path), "replace").removeprefix("\ufeff")
        for row in document_rows(text, name):
            collector.row(row)


def _tables(path: Path, name: str, collector: Collector) -> None:
    """Rows below a line that names the columns: Lightning's and Keras' CSVLogger, DVC's own TSV."""
    encoding = encoding_of(path)
    table = heading(first_line(path, encoding), name)
    if table is None:
        return
    rest = _lines(path, encoding)
    while lines := list(islice(rest, _LINES)):
        for row in read_rows(lines, *table):
            collector.row({key: value_of(str(cell)) for key, cell in row.items()})


def _logs(path: Path, name: str, collector: Collector) -> None:
    for line in _lines(path, encoding_of(path)):
        collector.row(parse_log_line(line))


def _lines(path: Path, encoding: str) -> Iterator[str]:
    """The lines at a file's end; those of more than 64 KiB, as binary files have, are passed over."""
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        start = max(0, size - MAX_BYTES) // 2 * 2  # a character of UTF-16 has two bytes
        stream.seek(start)
        text = io.TextIOWrapper(stream, encoding, errors="replace")
        if start:
            _pass(text)
        while line := text.readline(_MAX_LINE):
            if len(line) == _MAX_LINE and not line.endswith("\n"):
                _pass(text)
            else:
                yield line.removeprefix("\ufeff")


def _pass(text: io.TextIOWrapper) -> None:
    while (part := text.readline(_MAX_LINE)) and not part.endswith("\n"):
        pass
