"""What changed inside a model from one version to another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from cpv_hooks.console.progress import Progress
from cpv_hooks.history.model_contents import values_for_json
from cpv_hooks.model_formats.record import Model
from cpv_hooks.model_formats.weights import are_equal, distances, have_same_tensors


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


class WeightChange(TypedDict):
    """How far a tensor moved: Euclidean norms; null where its type is not understood. `nan` and `inf` are text."""

    name: str
    norm: float | str | None
    """Of the change."""
    norm_before: float | str | None
    """Of what it was."""


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
    same_weights: bool | None
    """Whether all tensors are equal, bit by bit, although the files differ; null where that cannot be seen here."""
    weights: list[WeightChange] | None
    """Of each tensor that both have with one shape, how far it moved; null unless it was asked for."""
    metadata: dict[str, list[object]]
    """Of the keys that differ, the value before and after (null: not there)."""


def compare_models(
    path: str, before: Model | None, after: Model | None, *, reads: bool = False, weights: bool = False
) -> ModelChange:
    """Compare two models; None is one that is not there.

    With `reads` the weights of models that have the same tensors are compared, with `weights` norms are computed.
    """
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
        same_weights=_same_weights(path, before, after, reads=reads),
        weights=_weights(path, before, after) if weights else None,
        metadata=_metadata(before.metadata if before else {}, after.metadata if after else {}),
    )


def _same_weights(path: str, before: Model | None, after: Model | None, *, reads: bool) -> bool | None:
    if before is None or after is None or before.errors or after.errors:
        return None
    if not have_same_tensors(before, after):
        return False
    if not reads:
        return None
    with Progress(f"comparing weights of {path}") as progress:
        progress.grow(sum(tensor.nbytes or 0 for tensor in before.tensors))
        return are_equal(before, after, progress.advance)


def _weights(path: str, before: Model | None, after: Model | None) -> list[WeightChange]:
    if before is None or after is None:
        return []
    with Progress(f"comparing weights of {path}") as progress:
        progress.grow(sum(tensor.elements * 8 for tensor in before.tensors))
        found = list(distances(before, after, progress.advance))
    return [WeightChange(name=one.name, norm=_plain(one.norm), norm_before=_plain(one.norm_before)) for one in found]


def _plain(value: float | None) -> float | str | None:
    """JSON has no number for NaN and infinity."""
    return value if value is None or value - value == 0 else str(value)


def _metadata(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, list[object]]:
    old, new = values_for_json(before), values_for_json(after)
    return {key: [old.get(key), new.get(key)] for key in dict.fromkeys([*old, *new]) if old.get(key) != new.get(key)}
