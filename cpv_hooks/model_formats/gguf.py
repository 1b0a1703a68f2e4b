"""GGUF, versions 1 to 3: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md."""

from __future__ import annotations

import struct
from functools import partial

from cpv_hooks.model_formats.cursor import Cursor
from cpv_hooks.model_formats.record import MAX_TENSORS, Model, Tensor, UnreadableModel, checked_tensor, short
from cpv_hooks.system.byte_source import ByteSource, Part

MAGIC = b"GGUF"
_MAX_NAME = 1 << 16
_MAX_DEPTH = 4
_CODES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
# Elements and bytes of a block, by the type's number (ggml.h, `enum ggml_type`).
# fmt: off
_TYPES: dict[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 40), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
}
# fmt: on


def read(source: ByteSource) -> Model:
    """Read the header: keys and values, then the list of tensors."""
    cursor = Cursor(source)
    if cursor.take(4) != MAGIC:
        raise UnreadableModel("no GGUF file begins like this")
    version = cursor.number("I")
    if version & 0xFFFF == 0:
        cursor.order = ">"
        version = int.from_bytes(version.to_bytes(4, "little"), "big")
    if version not in (1, 2, 3):
        raise UnreadableModel(f"it is GGUF of version {version}; 1 to 3 are known")
    size = "I" if version == 1 else "Q"
    tensors, pairs = cursor.number(size), cursor.number(size)
    if tensors > MAX_TENSORS or pairs > MAX_TENSORS:
        raise UnreadableModel(f"it says that it has {tensors} tensors and {pairs} keys")
    metadata: dict[str, object] = {}
    for _ in range(pairs):
        key = _text(cursor, size)
        metadata[key] = short(_value(cursor, cursor.number("I"), size))
    listed = [_listed(cursor, size) for _ in range(tensors)]
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20:
        raise UnreadableModel(f"its alignment is {alignment}")
    start = -(-cursor.at // alignment) * alignment
    found = tuple(_placed(source, start + offset, tensor) for tensor, offset in listed)
    end = max((start + offset + (tensor.nbytes or 0) for tensor, offset in listed), default=0)
    errors = () if end <= source.size else (f"its tensors end at byte {end}, the file at {source.size}",)
    return Model("GGUF", found, {"version": version, **metadata}, errors=errors)


def _listed(cursor: Cursor, size: str) -> tuple[Tensor, int]:
    name = _text(cursor, size)
    dimensions = cursor.number("I")
    if dimensions > 64:
        raise UnreadableModel(f"tensor {name[:80]!r} has {dimensions} dimensions")
    shape = tuple(reversed([cursor.number(size) for _ in range(dimensions)]))
    number, offset = cursor.number("I"), cursor.number("Q")
    dtype, block, width = _TYPES.get(number, (f"type {number}", 0, 0))
    tensor = checked_tensor(name, shape, dtype)
    return tensor._replace(nbytes=-(-tensor.elements // block) * width if block else None), offset


def _placed(source: ByteSource, offset: int, tensor: Tensor) -> Tensor:
    if tensor.nbytes is None:
        return tensor
    return tensor._replace(part=partial(Part, source, offset, tensor.nbytes))


def _text(cursor: Cursor, size: str) -> str:
    length = cursor.number(size)
    if length > _MAX_NAME:
        raise UnreadableModel(f"it has a name of {length} bytes")
    return cursor.take(length).decode("utf-8", "replace")


def _value(cursor: Cursor, kind: int, size: str, depth: int = 0) -> object:
    """A value; of an array only how long it is, or its first numbers where it is short."""
    if kind in _CODES:
        return cursor.value(_CODES[kind])
    if kind == _STRING:
        length = cursor.number(size)
        return cursor.take(length)[:1000].decode("utf-8", "replace")
    if kind != _ARRAY or depth > _MAX_DEPTH:
        raise UnreadableModel(f"it has a value of type {kind}")
    inner, count = cursor.number("I"), cursor.number(size)
    if inner in _CODES and count > 8:
        cursor.skip(count * struct.calcsize("<" + _CODES[inner]))
        return f"{count} values"
    if count > cursor.left:
        raise UnreadableModel(f"it has an array of {count} values")
    values: list[object] = []
    for _ in range(count):
        value = _value(cursor, inner, size, depth + 1)
        if len(values) < 9:
            values.append(value)
    return short(values) if count <= 8 else f"{count} values"
