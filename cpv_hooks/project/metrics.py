"""The last metrics that a training run wrote to its log.

Two forms are read, line by line: JSON objects (`{"epoch": 3, "loss": 0.2}`) and `key=value` words
(`epoch=3 loss=0.2`). A later line wins, a line that is neither is passed over.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

Metric = int | float | str

TAIL_BYTES = 64 << 10
MAX_METRICS = 50
MAX_KEY = 100
MAX_TEXT = 200

# A key, `=`, then a value in quotes or without blanks. Text around it (a logger's time stamp) is passed over.
_PAIR = re.compile(r"""(?<![^\s,;])([A-Za-z_][\w./@-]*)=("[^"]*"|'[^']*'|[^\s,;"']+)""")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def read(path: Path) -> dict[str, Metric]:
    """The last value of each metric in the last 64 KiB of a log; empty where there are none.

    Keys are at most 100 characters, texts at most 200, and there are at most 50 metrics. Raises `OSError` where the
    file cannot be read.
    """
    found: dict[str, Metric] = {}
    for line in _tail(path):
        values = clean(_parse(line))
        # Re-inserted, so that the newest keys are last and survive the limit.
        for key in values:
            found.pop(key, None)
        found.update(values)
    return dict(list(found.items())[-MAX_METRICS:])


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


def _tail(path: Path) -> Iterator[str]:
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        start = max(0, size - TAIL_BYTES)
        # One byte early: where that is a newline, the first line of the tail is whole.
        stream.seek(max(0, start - 1))
        data = stream.read(TAIL_BYTES + 1)
    lines = data.decode("utf-8", "replace").splitlines()
    yield from lines[1:] if start else lines


def line_of(path: Path, key: str) -> int | None:
    """The number of the last line that says a metric, of those that `read` looks at; None where none of them does."""
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
        if any(key in clean(_parse(line)) for line in raw.decode("utf-8", "replace").splitlines()):
            return number
    return None


def for_json(metrics: Mapping[str, Metric]) -> dict[str, Metric]:
    """JSON has no NaN and no infinity: they become text."""
    return {
        key: str(value) if isinstance(value, float) and value - value != 0 else value for key, value in metrics.items()
    }


def _parse(line: str) -> dict[object, object]:
    text = line.strip()
    if text.startswith("{"):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}
    return {key: _value(word) for key, word in _PAIR.findall(text)}


def parse_pair(text: str) -> tuple[str, Metric] | None:
    """One `key=value` as a log may have it; None for anything else."""
    found = _PAIR.fullmatch(text)
    return (found[1], _value(found[2])) if found else None


def _value(word: str) -> Metric:
    if word[0] in "\"'":
        return word[1:-1]
    if re.fullmatch(r"[+-]?\d{1,18}", word):
        return int(word)
    if _NUMBER.fullmatch(word) or word.lower().lstrip("+-") in ("nan", "inf"):
        return float(word)
    return word
