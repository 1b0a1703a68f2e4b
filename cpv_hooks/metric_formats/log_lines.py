"""Metrics in lines of text: JSON objects (`{"epoch": 3, "loss": 0.2}`) and `key=value` words (`epoch=3 loss=0.2`)."""

from __future__ import annotations

import json
import re
from pathlib import Path

from cpv_hooks.metric_formats.metrics_documents import flat_values

Metric = int | float | str

TAIL_BYTES = 64 << 10

# A key, `=`, then a value in quotes or without blanks. Text around it (a logger's time stamp) is passed over.
_PAIR = re.compile(r"""(?<![^\s,;])([A-Za-z_][\w./@-]*)=("[^"]*"|'[^']*'|[^\s,;"']+)""")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def encoding_of(path: Path) -> str:
    """A text's encoding, by the mark that some editors, and PowerShell, put in front."""
    with path.open("rb") as stream:
        mark = stream.read(2)
    return {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(mark, "utf-8-sig")


def first_line(path: Path, encoding: str) -> str:
    """The first line of a text, as far as it is in the first 64 KiB."""
    with path.open("rb") as stream:
        data = stream.read(TAIL_BYTES)
    return next(iter(data.decode(encoding, "replace").removeprefix("\ufeff").splitlines()), "")


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
