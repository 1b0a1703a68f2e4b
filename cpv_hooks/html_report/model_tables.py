"""What the models of versions are, with their tensors, each architecture once."""

from __future__ import annotations

from collections.abc import Sequence

from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.history.model_contents import READ_KINDS, Models, model_entry
from cpv_hooks.history.reader import Recorded
from cpv_hooks.html_report.tables import RowTable, plain
from cpv_hooks.project.project import Project

_MOST_MODELS = 30
_MOST_ROWS = 6_000
"""Tensors that are shown, of all models together."""
_MOST_METADATA = 40


class ModelTables:
    """`models` are what they say of themselves, each with the index of its `tensors`: rows of name, shape, type."""

    def __init__(self, projects: Sequence[Project], *, ask_remote: bool) -> None:
        self._models = Models(projects, ask_remote=ask_remote)
        self._left = _MOST_ROWS
        self.models = RowTable[tuple[str, str]]()
        self.tensors = RowTable[tuple[tuple[str, tuple[int, ...], str], ...]]()
        self.trouble: list[str] = []

    def of(self, one: Recorded) -> list[int] | None:
        """The models of a version; None where it is one of those that are no more looked into."""
        wanted = [item.pointer for item in one.artifacts if item.kind in READ_KINDS and item.pointer.oid]
        new = [pointer for pointer in wanted if (pointer.path, pointer.oid or "") not in self.models]
        if len(self.models.rows) + len(new) > _MOST_MODELS:
            return None
        found = [self._model(pointer) for pointer in wanted]
        self.trouble += self._models.new_errors(one.name)
        return [index for index in found if index is not None]

    def _model(self, pointer: Pointer) -> int | None:
        model = self._models.read(pointer)
        if model is None:
            return None
        entry = model_entry(pointer.path, model)
        rows = tuple((one["name"], tuple(one["shape"]), one["dtype"]) for one in entry["tensors"])
        row = {
            "path": entry["path"],
            "format": entry["format"],
            "parameters": entry["parameters"],
            "ntensors": entry["ntensors"],
            "dtypes": entry["dtypes"],
            "metadata": {key: plain(value) for key, value in list(entry["metadata"].items())[:_MOST_METADATA]},
            "notes": [*entry["notes"], *entry["errors"]],
            "tensors": self._tensors(rows),
        }
        return self.models.index((pointer.path, pointer.oid or ""), row)

    def _tensors(self, rows: tuple[tuple[str, tuple[int, ...], str], ...]) -> int:
        shown = rows if rows in self.tensors else rows[: self._left]
        if shown not in self.tensors:
            self._left -= len(shown)
        return self.tensors.index(shown, [[name, list(shape), dtype] for name, shape, dtype in shown])
