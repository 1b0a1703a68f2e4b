"""The last metrics that a training run wrote.

Logs are read line by line: JSON objects (`{"epoch": 3, "loss": 0.2}`) and `key=value` words (`epoch=3 loss=0.2`). A
later line wins, a line that is neither is passed over. Whole documents and tables: see `metrics_documents`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from cpv_hooks.metric_formats.metric_places import place_of
from cpv_hooks.metric_formats.metrics_documents import (
    MAX_BYTES,
    flat_values,
    heading,
    merged_rows,
    read_document,
    read_rows,
)

Metric = int | float | str

TAIL_BYTES = 64 << 10
MAX_METRICS = 50
MAX_KEY = 100
MAX_TEXT = 200

# A key, `=`, then a value in quotes or without blanks. Text around it (a logger's time stamp) is passed over.
_PAIR = re.compile(r"""(?<![^\s,;])([A-Za-z_][\w./@-]*)=("[^"]*"|'[^']*'|[^\s,;"']+)""")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


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


def encoding_of(path: Path) -> str:
    """A text's encoding, by the mark that some editors, and PowerShell, put in front."""
    with path.open("rb") as stream:
        mark = stream.read(2)
    return {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(mark, "utf-8-sig")


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


def first_line(path: Path, encoding: str) -> str:
    """The first line of a text, as far as it is in the first 64 KiB."""
    with path.open("rb") as stream:
        data = stream.read(TAIL_BYTES)
    return next(iter(data.decode(encoding, "replace").removeprefix("\ufeff").splitlines()), "")


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


def parse_log_line(line: str) -> dict[object, object]:
    """What a line of a log says: a JSON object, or `key=value` words; empty for anything else."""
    text = line.strip()
    if text.startswith("{"):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        return flat_values(value) if isinstance(value, dict) else {}
    return {key: value_of(word) for key, word in _PAIR.findall(text)}


def parse_pair(text: str) -> tuple[str, Metric] | None:
    """One `key=value` as a log may have it; None for anything else."""
    found = _PAIR.fullmatch(text)
    return (found[1], value_of(found[2])) if found else None


def value_of(word: str) -> Metric:
    """A word of a log or a cell of a table: a number where it is one."""
    if word[:1] in ("'", '"') and word[0] == word[-1] and len(word) > 1:
        return word[1:-1]
    if re.fullmatch(r"[+-]?\d{1,18}", word):
        return int(word)
    if _NUMBER.fullmatch(word) or word.lower().lstrip("+-") in ("nan", "inf"):
        return float(word)
    return word
