"""How NumPy names types, and `.npy`: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html."""

from __future__ import annotations

import ast
import re
from functools import partial

from cpv_hooks.model_formats.record import Tensor, UnreadableModel, checked_tensor
from cpv_hooks.system.byte_source import ByteSource, Part

MAGIC = b"\x93NUMPY"
_MAX_HEADER = 10_000  # NumPy's own limit
_KINDS = {"f": "F", "i": "I", "u": "U", "c": "C", "b": "BOOL"}
_NAMED = {"float": "F", "int": "I", "uint": "U", "complex": "C", "bfloat": "BF"}
_FLOAT8 = re.compile(r"float8_(e[0-9]m[0-9])(?:fn)?")


def numpy_dtype(text: str) -> str:
    """`F64` for `<f8`; what is no number keeps NumPy's name."""
    plain = text.lstrip("<>=|")
    kind = _KINDS.get(plain[:1])
    if kind is None or not plain[1:].isdigit():
        return text[:40]
    return kind if kind == "BOOL" else f"{kind}{int(plain[1:]) * 8}"


def dtype_named(text: str) -> str:
    """`F64` for `float64`, as NumPy and Zarr call types; what has no other name keeps it."""
    if text == "bool":
        return "BOOL"
    small = _FLOAT8.fullmatch(text)
    if small:
        return f"F8_{small[1].upper()}"
    name = text.rstrip("0123456789")
    return _NAMED[name] + text[len(name) :] if name in _NAMED and name != text else text[:40]


def read_npy(source: ByteSource, name: str) -> Tensor:
    """The array of a `.npy` file, as a tensor of that name."""
    head = source.read(0, min(12, source.size))
    if not head.startswith(MAGIC) or len(head) < 12:
        raise UnreadableModel(f"{name} is no .npy file")
    width = 2 if head[6] == 1 else 4
    length = int.from_bytes(head[8 : 8 + width], "little")
    if length > _MAX_HEADER:
        raise UnreadableModel(f"{name} says that its header has {length} bytes")
    start = 8 + width + length
    said = ast.literal_eval(source.read(8 + width, length).decode("latin-1").strip())
    if not isinstance(said, dict) or not isinstance(said.get("descr"), str):
        raise UnreadableModel(f"{name} has no type that is known here")
    dtype = numpy_dtype(said["descr"])
    tensor = checked_tensor(name, said["shape"], dtype)
    in_order = not said.get("fortran_order") or len(tensor.shape) < 2
    if tensor.nbytes is None or not in_order or said["descr"].startswith(">"):
        return tensor
    return tensor._replace(part=partial(Part, source, start, tensor.nbytes))
