"""Metrics in whole documents: JSON, YAML and TOML as DVC reads them, a trainer's state, and tables of a row a step."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TypeVar

MAX_BYTES = 8 << 20
"""Bytes of a document that are read as a whole; what is larger is read line by line, from its end."""
_SUFFIXES = frozenset({".json", ".yaml", ".yml", ".toml"})
_TABLES = frozenset({".csv", ".tsv"})
_HEADING = re.compile(r"[A-Za-z_][^=:{}\[\]]{0,99}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf)", re.IGNORECASE)

K = TypeVar("K")
V = TypeVar("V")


def flat_values(table: Mapping[object, object]) -> dict[object, object]:
    """The values of nested tables by their path, with dots between, as DVC names them."""
    found: dict[object, object] = {}
    waiting = [("", table)]
    while waiting:
        prefix, inner = waiting.pop(0)
        for key, value in inner.items():
            if not isinstance(key, str):
                continue
            name = f"{prefix}{key}"
            if isinstance(value, Mapping):
                waiting.append((f"{name}.", value))
            else:
                found[name] = value
    return found


def read_document(text: str, name: str) -> dict[object, object] | None:
    """The metrics of a whole file called `name`; None for one that is no document."""
    table = _parsed(text, name)
    if isinstance(table, list):
        rows = _rows(table)
        return merged_rows(map(flat_values, rows)) if rows else None
    if not isinstance(table, Mapping):
        return None
    return _of_trainer(table) if isinstance(table.get("log_history"), list) else flat_values(table)


def document_rows(text: str, name: str) -> list[dict[object, object]]:
    """What a whole file called `name` says step by step; empty for one that is no document.

    A list has a row for each step, a trainer's state its history; where a table's values are lists of one length (as
    Keras' `History.history`), each has a value for each step.
    """
    table = _parsed(text, name)
    if isinstance(table, list):
        return [flat_values(row) for row in _rows(table)]
    if not isinstance(table, Mapping):
        return []
    if isinstance(table.get("log_history"), list):
        return [flat_values(row) for row in _rows(table["log_history"])]
    values = flat_values(table)
    columns = {key: value for key, value in values.items() if isinstance(value, list) and value}
    if columns and len({len(column) for column in columns.values()}) == 1:
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return [values]


def _rows(table: list[object]) -> list[Mapping[object, object]]:
    return [row for row in table if isinstance(row, Mapping)]


def _parsed(text: str, name: str) -> object:
    """None for what is no document."""
    suffix = PurePosixPath(name).suffix.lower()
    if not (suffix in _SUFFIXES or text.lstrip()[:1] in ("{", "[")):
        return None
    try:
        if suffix in (".yaml", ".yml"):
            from ruamel.yaml import YAML

            return YAML(typ="safe").load(text)
        if suffix == ".toml":
            import tomllib

            return tomllib.loads(text)
        return json.loads(text)
    except Exception:  # noqa: BLE001 - the parsers' errors have no common class, and what is no document has no metrics
        return None


def merged_rows(rows: Iterable[Mapping[K, V]]) -> dict[K, V]:
    """The last value of each key, the newest keys last."""
    found: dict[K, V] = {}
    for row in rows:
        # Re-inserted, so that the newest keys come last.
        for key in row:
            found.pop(key, None)
        found.update(row)
    return found


def _of_trainer(state: Mapping[object, object]) -> dict[object, object]:
    """`trainer_state.json` of Hugging Face: the last value of all that was logged, and the best."""
    history = state.get("log_history")
    rows = _rows(history) if isinstance(history, list) else []
    whole: dict[object, object] = {
        key: state[key] for key in ("epoch", "global_step", "best_metric") if state.get(key) is not None
    }
    return {**merged_rows(map(flat_values, rows)), **whole}


def heading(line: str, name: str) -> tuple[str, list[str]] | None:
    """The delimiter and the columns of a table, where its first line names them."""
    split = {delimiter: _cells([line], delimiter) for delimiter in ("\t", ",", ";")}
    delimiter = max(split, key=lambda delimiter: len(split[delimiter][0]) if split[delimiter] else 0)
    columns = split[delimiter][0] if split[delimiter] else []
    named = all(_HEADING.fullmatch(cell) for cell in columns if cell) and any(columns)
    is_table = len(columns) > 1 or PurePosixPath(name).suffix.lower() in _TABLES
    return (delimiter, columns) if named and is_table and len(set(columns)) == len(columns) else None


def _cells(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    try:
        return [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    except csv.Error:  # a cell of more than 128 KiB
        return []


def read_rows(lines: Sequence[str], delimiter: str, columns: Sequence[str]) -> Iterator[dict[object, object]]:
    """What each row says: numbers and texts by their column. Trainers leave a cell empty where they have no value.

    Empty where no row fits the columns, or none has a number.
    """
    rows = [row for row in _cells(lines, delimiter) if len(row) == len(columns) and row != columns]
    if any(_NUMBER.fullmatch(cell) for row in rows for cell in row):
        for row in rows:
            yield {column: cell for column, cell in zip(columns, row, strict=True) if column and cell}
