"""The settings of a training run and of CPV, as flat keys: `params.yaml` and `.cpv.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping

from cpv_hooks.dvcformat.pointer import load_table
from cpv_hooks.errors import CPVError
from cpv_hooks.project.config import FILE

FILES = ("params.yaml", FILE)
MAX_BYTES = 1 << 20


def flat_settings(data: bytes, name: str) -> dict[str, object]:
    """`{"train.lr": 0.1}` of `train: {lr: 0.1}`; a list is one value. `CPVError` for what cannot be read."""
    try:
        text = data.decode("utf-8-sig")
        table = tomllib.loads(text) if name.endswith(".toml") else load_table(text, name)
    except (ValueError, RecursionError) as error:
        raise CPVError(f"cannot be read: {error}", where=name, fix=f"edit {name}") from error
    return dict(_flat(table, ""))


def _flat(table: Mapping[str, object], prefix: str) -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, int | float | str | None) else str(value)
