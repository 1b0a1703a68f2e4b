"""What `torch.save` and `torch.jit.save` write: a zip archive with a pickle and a member for each storage.

The layout is that of `torch/serialization.py`; before 1.6 it was a row of pickles.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from typing import Any

from cpv_hooks.model_formats import pickle_symbols
from cpv_hooks.model_formats.pickle_objects import Global, Made, Reference, walk
from cpv_hooks.model_formats.pickle_verdict import verdict
from cpv_hooks.model_formats.record import MAX_TENSORS, WIDTHS, Model, Tensor, UnreadableModel, checked_tensor
from cpv_hooks.model_formats.zip_archive import Archive
from cpv_hooks.system.byte_source import ByteSource, Part

MAX_PICKLE = 64 << 20
LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"
"""How a file of PyTorch before 1.6 begins: a pickle of `MAGIC_NUMBER`."""
_COUNT = 8
# fmt: off
_DTYPES = {
    "DoubleStorage": "F64", "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8", "ByteStorage": "U8",
    "BoolStorage": "BOOL", "ComplexFloatStorage": "C64", "ComplexDoubleStorage": "C128",
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int32": "I32",
    "int16": "I16", "int8": "I8", "uint8": "U8", "uint16": "U16", "uint32": "U32", "uint64": "U64", "bool": "BOOL",
    "complex64": "C64", "complex128": "C128", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2",
}
# fmt: on
_PLAIN = ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3", "torch._utils._rebuild_tensor")
_QUANTISED = "torch._utils._rebuild_qtensor"


def read_zip(archive: Archive) -> Model:
    """Read a zip archive that holds a `data.pkl`."""
    name = archive.ending("/data.pkl") or "data.pkl"
    folder = name.removesuffix("data.pkl")
    data = archive.read(name, MAX_PICKLE)
    root = pickle_symbols.read_symbols(io.BytesIO(data))
    found = list(tensors_below(root, partial(_storage, archive, folder)))
    others = [archive.read(other, MAX_PICKLE) for other in archive.members if other.endswith(".pkl") and other != name]
    missing = {key for key, _ in found if key is not None and f"{folder}data/{key}" not in archive.members}
    is_script = any(member.startswith(f"{folder}code/") for member in archive.members)
    big = f"{folder}byteorder" in archive.members and archive.read(f"{folder}byteorder", 100) == b"big"
    return Model(
        "TorchScript" if is_script else "PyTorch",
        tuple(tensor for _, tensor in found),
        {"byteorder": "big"} if big else {},
        errors=(f"{len(missing)} storages that its pickle names are not in it",) if missing else (),
        scan=partial(verdict, [data, *others]),
    )


def read_legacy(source: ByteSource) -> Model:
    """Read a file of before 1.6: a magic number, a protocol, the system, and then the object, each a pickle."""
    stream = io.BytesIO(source.read(0, min(source.size, MAX_PICKLE)))
    for _ in range(3):
        pickle_symbols.read_symbols(stream)
    root = pickle_symbols.read_symbols(stream)
    keys: Any = pickle_symbols.read_symbols(stream)
    sizes = {reference: size for made in walk(root, MAX_TENSORS) for reference, size in _sizes(made[1])}
    starts: dict[str, int] = {}
    at = end = stream.tell()
    for key in keys.items:
        # Before each storage lies how many elements it has.
        starts[str(key)] = at + _COUNT
        at += _COUNT + sizes.get(str(key), 0)

    def find(key: str, offset: int, length: int) -> Part:
        return Part(source, starts[key] + offset, length)

    tensors = tuple(tensor for _, tensor in tensors_below(root, find))
    errors = () if at == source.size else (f"its storages end at byte {at}, the file at {source.size}",)
    return Model("PyTorch before 1.6", tensors, errors=errors, scan=partial(verdict, [stream.getvalue()[:end]]))


def _sizes(made: Made) -> Iterator[tuple[str, int]]:
    """The storages that an object names, with their bytes."""
    for reference in made.args:
        if isinstance(reference, Reference) and isinstance(reference.id, tuple) and len(reference.id) > 4:
            _, kind, key, _, count = reference.id[:5]
            yield str(key), count * WIDTHS.get(torch_dtype(kind), 0)


def _storage(archive: Archive, folder: str, key: str, offset: int, length: int) -> Part:
    return Part(archive.part(f"{folder}data/{key}"), offset, length)


def tensors_below(root: object, find: Any) -> Iterator[tuple[str | None, Tensor]]:
    """The tensors that a pickle would make, by the keys that lead to them, each with the key of its storage."""
    for path, made in walk(root, MAX_TENSORS):
        if made.by in _PLAIN or made.by == _QUANTISED:
            yield _tensor(path, made, find)


def _tensor(path: str, made: Made, find: Any) -> tuple[str | None, Tensor]:
    try:
        storage, offset, size, stride = made.args[:4]
        told: Any = storage.id if isinstance(storage, Reference) else None
        kind, key = (told[1], str(told[2])) if told else (None, None)
        shape, steps = tuple(size), tuple(stride)
    except (ValueError, TypeError, IndexError) as error:
        raise UnreadableModel(f"tensor {path[:80]!r} has no storage and shape") from error
    said = made.args[6] if made.by.endswith("_v3") and len(made.args) > 6 else kind
    dtype = torch_dtype(said)
    tensor = checked_tensor(path, shape, dtype)
    if tensor.nbytes is None or made.by == _QUANTISED:
        return key, tensor._replace(nbytes=None)
    if find is not None and key is not None and isinstance(offset, int) and _is_row_major(shape, steps):
        return key, tensor._replace(part=partial(find, key, offset * WIDTHS[dtype], tensor.nbytes))
    return key, tensor


def torch_dtype(said: object) -> str:
    """The type that a pickle names: a class of storages, or `torch.float32`."""
    word = said.name.rpartition(".")[2] if isinstance(said, Global) else "unknown"
    return _DTYPES.get(word, word)


def _is_row_major(shape: tuple[int, ...], steps: tuple[int, ...]) -> bool:
    """Whether its elements lie one after the other; of a dimension of one element the step says nothing."""
    expected = 1
    for size, step in reversed(list(zip(shape, steps, strict=True))):
        if size > 1 and step != expected:
            return False
        expected *= max(size, 1)
    return True
