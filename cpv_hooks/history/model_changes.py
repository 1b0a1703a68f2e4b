"""What changed inside a model from one version to another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypedDict

from cpv_hooks.history.models import for_json

if TYPE_CHECKING:
    from cpv_hooks.model_formats.record import Model


class ShapeChange(TypedDict):
    """A tensor with another shape."""

    name: str
    before: list[int]
    after: list[int]


class TypeChange(TypedDict):
    """A tensor of another type."""

    name: str
    before: str
    after: str


class ModelChange(TypedDict):
    """What differs inside a model artifact. Counts are of elements."""

    path: str
    format_before: str | None
    """null where it is not there, or cannot be read."""
    format_after: str | None
    parameters_before: int | None
    parameters_after: int | None
    tensors_added: list[str]
    tensors_removed: list[str]
    tensors_reshaped: list[ShapeChange]
    tensors_retyped: list[TypeChange]
    metadata: dict[str, list[object]]
    """Of the keys that differ, the value before and after (null: not there)."""


def change_of(path: str, before: Model | None, after: Model | None) -> ModelChange:
    """Compare two models; None is one that is not there."""
    old = before.by_key() if before else {}
    new = after.by_key() if after else {}
    both = [name for name in old if name in new]
    return ModelChange(
        path=path,
        format_before=(before.format or None) if before else None,
        format_after=(after.format or None) if after else None,
        parameters_before=before.parameters if before else None,
        parameters_after=after.parameters if after else None,
        tensors_added=[name for name in new if name not in old],
        tensors_removed=[name for name in old if name not in new],
        tensors_reshaped=[
            ShapeChange(name=name, before=list(old[name].shape), after=list(new[name].shape))
            for name in both
            if old[name].shape != new[name].shape
        ],
        tensors_retyped=[
            TypeChange(name=name, before=old[name].dtype, after=new[name].dtype)
            for name in both
            if old[name].dtype != new[name].dtype
        ],
        metadata=_metadata(before.metadata if before else {}, after.metadata if after else {}),
    )


def _metadata(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, list[object]]:
    old, new = for_json(before), for_json(after)
    return {key: [old.get(key), new.get(key)] for key in dict.fromkeys([*old, *new]) if old.get(key) != new.get(key)}
