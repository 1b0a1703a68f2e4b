"""The kind that a file's name suggests."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from cpv_hooks.model_formats.suffixes import MODEL, suffix

if TYPE_CHECKING:
    from cpv_hooks.project.config import Kind

# fmt: off
_DATA_SUFFIXES = frozenset((
    ".csv", ".tsv", ".parquet", ".arrow", ".feather", ".npy", ".npz", ".tfrecord", ".jsonl", ".zip", ".tar",
))
# fmt: on


def kind_by_name(path: str) -> Kind | None:
    """By the names that the common frameworks write; None for one that says nothing."""
    name, ending = PurePosixPath(path), suffix(path)
    if ending in MODEL:
        return "model"
    if ending in _DATA_SUFFIXES or name.name in ("data", "dataset", "datasets"):
        return "data"
    if name.stem.startswith("metrics"):
        return "metrics"
    return "extra" if name.name.startswith("tokenizer") else None
