"""CatBoost's `.cbm`: a FlatBuffer with the trees, and what belongs to them.

The schema is catboost/libs/model/flatbuffers/model.fbs in https://github.com/catboost/catboost; the encoding of tables
and vectors is https://flatbuffers.dev/internals.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

from cpv_hooks.model_formats.cursor import Cursor
from cpv_hooks.model_formats.damage import DAMAGE
from cpv_hooks.model_formats.record import Model, Tensor, UnreadableModel, checked_tensor, short
from cpv_hooks.system.byte_source import ByteSource, Part

MAGIC = b"CBM1"
_HEAD = 8
_MAX_VECTOR = 1 << 20
# The places of fields in their tables.
_TREES, _INFO = 1, 2
_VECTORS = {1: ("TreeSplits", "I32"), 2: ("TreeSizes", "I32"), 8: ("LeafValues", "F64"), 9: ("LeafWeights", "F64")}
_STEP_NODES, _NODE_TO_LEAF, _FLOAT_FEATURES, _BORDERS = 10, 11, 5, 3
_SCALE, _BIAS, _BIASES = 14, 15, 16
_OTHERS = (4, 6, 7, 12, 13, 18)
"""Features that are not numbers: what they mean lies elsewhere too, so that equal vectors are no equal model."""
_BYTES = {"I32": 4, "F32": 4, "F64": 8}


class _Table:
    def __init__(self, source: ByteSource, at: int) -> None:
        self._source, self._at = source, at
        self._places = at - Cursor(source, at).number("i")
        self._count = (Cursor(source, self._places).number("H") - 4) // 2

    def _target(self, field: int) -> int | None:
        if field >= self._count:
            return None
        place = Cursor(self._source, self._places + 4 + 2 * field).number("H")
        at = self._at + place
        return at + Cursor(self._source, at).number("I") if place else None

    def number(self, field: int) -> tuple[int, int]:
        """Where a number of eight bytes is, as a vector of one; of none where it has its default."""
        place = Cursor(self._source, self._places + 4 + 2 * field).number("H") if field < self._count else 0
        return (self._at + place, 1) if place else (0, 0)

    def table(self, field: int) -> _Table | None:
        at = self._target(field)
        return _Table(self._source, at) if at is not None else None

    def vector(self, field: int) -> tuple[int, int]:
        """Where the elements of a vector begin, and how many they are."""
        at = self._target(field)
        return (0, 0) if at is None else (at + 4, Cursor(self._source, at).number("I"))

    def tables(self, field: int) -> Iterator[_Table]:
        start, count = self.vector(field)
        if count > _MAX_VECTOR:
            raise UnreadableModel(f"it says that it has {count} features")
        for number in range(count):
            at = start + 4 * number
            yield _Table(self._source, at + Cursor(self._source, at).number("I"))

    def text(self, field: int) -> str:
        start, length = self.vector(field)
        return Cursor(self._source, start).take(min(length, _MAX_VECTOR)).decode("utf-8", "replace") if start else ""


def read(source: ByteSource) -> Model:
    """Read the trees' vectors as tensors, and the parameters of the training."""
    size = Cursor(source, 4).number("I")
    core = Part(source, _HEAD, size)
    root = _Table(core, Cursor(core).number("I"))
    trees = root.table(_TREES)
    if trees is None:
        raise UnreadableModel("it has no trees")
    is_all = not any(trees.vector(field)[1] for field in _OTHERS)
    tensors = tuple(_tensor(core, *vector, is_all=is_all) for vector in _vectors(trees))
    return Model("CatBoost", tensors, _metadata(root, trees))


def _vectors(trees: _Table) -> Iterator[tuple[str, str, int, int]]:
    for field, (name, dtype) in _VECTORS.items():
        yield name, dtype, *trees.vector(field)
    yield "NonSymmetricStepNodes", "I32", *trees.vector(_STEP_NODES)  # two of 16 bits each
    yield "NonSymmetricNodeIdToLeafId", "I32", *trees.vector(_NODE_TO_LEAF)
    yield "Scale", "F64", *trees.number(_SCALE)
    yield "Bias", "F64", *trees.number(_BIAS)
    yield "MultiBias", "F64", *trees.vector(_BIASES)
    for number, feature in enumerate(trees.tables(_FLOAT_FEATURES)):
        yield f"FloatFeatures.{number}.Borders", "F32", *feature.vector(_BORDERS)


def _tensor(core: ByteSource, name: str, dtype: str, start: int, count: int, *, is_all: bool) -> Tensor:
    nbytes = count * _BYTES[dtype]
    if start + nbytes > core.size:
        raise UnreadableModel(f"it says that {name} has {count} values")
    place = partial(Part, core, start, nbytes) if is_all else None
    return checked_tensor(name, (count,), dtype)._replace(nbytes=nbytes, part=place)


def _metadata(root: _Table, trees: _Table) -> dict[str, object]:
    found: dict[str, object] = {"trees": trees.vector(2)[1], "features": trees.vector(_FLOAT_FEATURES)[1]}
    for pair in root.tables(_INFO):
        key, value = pair.text(0), pair.text(1)
        if key == "params":
            found.update(_params(value))
        elif key:
            found[key[:100]] = short(value)
    return found


def _params(text: str) -> dict[str, object]:
    try:
        said = json.loads(text)
        return {"loss_function": short(said["loss_function"]["type"])}
    except DAMAGE:
        return {}
