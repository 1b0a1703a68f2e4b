"""Two models' weights, tensor by tensor, streamed: whether they are equal, and how far apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import sqrt
from typing import Any

from cpv_hooks.errors import CPVError
from cpv_hooks.model_formats.damage import DAMAGE
from cpv_hooks.model_formats.record import WIDTHS, Model, Tensor, UnreadableModel
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.byte_source import CHUNK, Part

Values = Any
"""An array of NumPy's, of 64-bit floats."""
Advance = Callable[[int], None]
_NUMBERS = {
    "F16": "<f2", "F32": "<f4", "F64": "<f8", "I8": "i1", "I16": "<i2", "I32": "<i4", "I64": "<i8", "U8": "u1",
    "U16": "<u2", "U32": "<u4", "U64": "<u8", "BOOL": "u1",
}  # fmt: skip


def have_same_tensors(before: Model, after: Model) -> bool:
    """Whether both have tensors of the same names, shapes and types."""
    old, new = before.by_key(), after.by_key()
    return old.keys() == new.keys() and all(_same_kind(tensor, new[name]) for name, tensor in old.items())


def _same_kind(one: Tensor, other: Tensor) -> bool:
    return (one.shape, one.dtype) == (other.shape, other.dtype)


def are_equal(before: Model, after: Model, advance: Advance) -> bool | None:
    """Whether two models with the same tensors have the same weights, bit by bit; None where that cannot be seen.

    Reading ends at the first difference. `advance` is told how many bytes were compared.
    """
    old, new = before.by_key(), after.by_key()
    known = bool(old)
    for name, tensor in old.items():
        one, other = _part(tensor), _part(new[name])
        equal = _equal(one, other, advance) if one is not None and other is not None else None
        if equal is False:
            return False
        known = known and bool(equal)
    return True if known else None


def _part(tensor: Tensor) -> Part | None:
    try:
        return tensor.part() if tensor.part else None
    except (UnreadableModel, *DAMAGE):
        return None


def _equal(one: Part, other: Part, advance: Advance) -> bool | None:
    if one.size != other.size:
        return False
    try:
        for left, right in zip(one.chunks(), other.chunks(), strict=True):
            if left != right:
                return False
            advance(len(left))
    except (UnreadableModel, *DAMAGE):
        return None
    return True


class Distance(NamedTuple):
    """How far a tensor moved: the Euclidean norm of the change, and of what it was. None: its type is not understood,
    or its bytes are not in one piece."""

    name: str
    norm: float | None
    norm_before: float | None


def demand_numpy() -> None:
    """Raise unless norms can be computed."""
    try:
        import numpy  # noqa: F401
    except ImportError as error:
        raise CPVError("norms of weights are computed with numpy", fix="pip install 'dvc-cpv[readers]'") from error


def distances(before: Model, after: Model, advance: Advance) -> Iterator[Distance]:
    """For each tensor that both have with one shape, how far it moved. `advance` is told how many bytes were read."""
    old, new = before.by_key(), after.by_key()
    for name, tensor in old.items():
        if name in new and new[name].shape == tensor.shape:
            yield _distance(name, tensor, new[name], advance)


def _distance(name: str, before: Tensor, after: Tensor, advance: Advance) -> Distance:
    one, other = _part(before), _part(after)
    if one is None or other is None:
        return Distance(name, None, None)
    import numpy as np

    moved, length = 0.0, 0.0
    try:
        # What overflows is infinite, and what is infinite on both sides is NaN: the norm says so.
        with np.errstate(all="ignore"):
            for left, right in zip(_values(one, before.dtype), _values(other, after.dtype), strict=True):
                moved += float(((right - left) ** 2).sum())
                length += float((left**2).sum())
                advance(left.nbytes)
    except (UnreadableModel, *DAMAGE):
        return Distance(name, None, None)
    return Distance(name, sqrt(moved), sqrt(length))


_STEP = CHUNK // 8
"""Elements at a time: whole blocks of every type."""


def _values(part: Part, dtype: str) -> Iterator[Values]:
    """The elements as numbers, some at a time."""
    decode, elements, width = _decoder(dtype)
    step = _STEP // elements * width
    for start in range(0, part.size, step):
        yield decode(part.read(start, min(step, part.size - start)))


def _decoder(dtype: str) -> tuple[Callable[[bytes], Values], int, int]:
    """How bytes become numbers, and the elements and bytes of a block; `Unreadable` for what is no real number."""
    if dtype in _NUMBERS:
        return partial(_plain, _NUMBERS[dtype]), 1, WIDTHS[dtype]
    if dtype == "BF16":
        return partial(_widened, "<u2", "<u4", 16, "<f4"), 1, 2
    if dtype == "F8_E5M2":
        return partial(_widened, "u1", "<u2", 8, "<f2"), 1, 1
    if dtype == "F8_E4M3":
        return partial(_looked_up, _e4m3()), 1, 1
    return _unpacker(dtype)


def _plain(kind: str, data: bytes) -> Values:
    import numpy as np

    return np.frombuffer(data, kind).astype(np.float64)


def _widened(kind: str, wide: str, bits: int, real: str, data: bytes) -> Values:
    """What is the upper half of a larger type."""
    import numpy as np

    return (np.frombuffer(data, kind).astype(wide) << bits).view(real).astype(np.float64)


def _looked_up(table: Values, data: bytes) -> Values:
    import numpy as np

    return table[np.frombuffer(data, "u1")]


def _e4m3() -> Values:
    """https://arxiv.org/abs/2209.05433: no infinities, one pattern for NaN."""
    import numpy as np

    codes = np.arange(256)
    exponent, mantissa = (codes >> 3) & 15, codes & 7
    size = np.where(exponent == 0, mantissa * 2.0**-9, (8 + mantissa) * 2.0 ** (exponent - 10.0))
    return np.where(codes & 127 == 127, np.nan, np.where(codes > 127, -size, size))


def _unpacker(dtype: str) -> tuple[Callable[[bytes], Values], int, int]:
    """GGUF's blocks, by the library of its authors."""
    try:
        import gguf
        from gguf.quants import dequantize
    except ImportError as error:
        raise UnreadableModel("its blocks are unpacked with gguf: pip install 'dvc-cpv[readers]'") from error
    import numpy as np

    kind = getattr(gguf.GGMLQuantizationType, dtype, None)
    if kind is None:
        raise UnreadableModel(f"{dtype} is no type of real numbers")
    elements, width = gguf.GGML_QUANT_SIZES[kind]

    def unpack(data: bytes) -> Any:
        return dequantize(np.frombuffer(data, "u1").reshape(-1, width), kind).astype(np.float64).ravel()

    return unpack, elements, width
