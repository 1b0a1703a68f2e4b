"""scikit-learn: joblib files, plain pickles, and skops archives."""

from __future__ import annotations

import bz2
import io
import json
import lzma
import zlib
from collections.abc import Iterator
from functools import partial
from typing import IO, Any, cast

from cpv_hooks.model_formats import pickle_symbols
from cpv_hooks.model_formats.numpy_files import numpy_dtype, read_npy
from cpv_hooks.model_formats.pickle_objects import Made, walk
from cpv_hooks.model_formats.pickle_verdict import verdict
from cpv_hooks.model_formats.record import MAX_TENSORS, WIDTHS, Model, Tensor, UnreadableModel, checked_tensor, short
from cpv_hooks.model_formats.zip_archive import Archive
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.byte_source import ByteSource, BytesSource, Part, SourceFile

MAX_UNPACKED = 128 << 20
_WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"
_ARRAYS = ("numpy._core.multiarray._reconstruct", "numpy.core.multiarray._reconstruct")
_PROTOCOLS = range(2, 6)
_MAX_SCHEMA = 64 << 20
_CHUNK = 1 << 20


def begins_pickle(head: bytes) -> bool:
    """Whether it begins as pickles of protocols 2 to 5 do."""
    return len(head) > 2 and head[0] == 0x80 and head[1] in _PROTOCOLS


def begins_packed(head: bytes) -> bool:
    """Whether it begins as one of the compressions that joblib knows."""
    return head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"))


class _Array(NamedTuple):
    """Where the bytes of an array lie between two opcodes."""

    before: int
    """Where the last opcode ends."""
    start: int
    nbytes: int


def read_joblib(source: ByteSource) -> Model:
    """A joblib file, which may be compressed."""
    if begins_packed(source.read(0, min(6, source.size))):
        return read_pickle(BytesSource(_unpacked(source)))
    return read_pickle(source)


def _unpacked(source: ByteSource) -> bytes:
    head = source.read(0, min(6, source.size))
    machine: Any = zlib.decompressobj(47)  # zlib's own format, or gzip's
    if head.startswith(b"BZh"):
        machine = bz2.BZ2Decompressor()
    elif head.startswith(b"\xfd7zXZ"):
        machine = lzma.LZMADecompressor(memlimit=MAX_UNPACKED)
    found = bytearray()
    try:
        for start in range(0, source.size, _CHUNK):
            data = source.read(start, min(_CHUNK, source.size - start))
            found += machine.decompress(data, MAX_UNPACKED + 1 - len(found))
            if len(found) > MAX_UNPACKED:
                raise UnreadableModel(f"it has more than {MAX_UNPACKED} bytes unpacked")
    except (OSError, lzma.LZMAError, zlib.error) as error:
        raise UnreadableModel("its compression is damaged") from error
    if not machine.eof:
        raise UnreadableModel("its compression has no end")
    return bytes(found)


def read_pickle(source: ByteSource) -> Model:
    """A pickle, in which joblib leaves arrays between opcodes."""
    arrays: dict[int, _Array] = {}
    stream = SourceFile(source)

    def skip(stream: IO[bytes], made: Made) -> None:
        if made.by == _WRAPPER:
            arrays[id(made)] = _skipped(stream, made, source.size)

    root = pickle_symbols.read_symbols(cast("IO[bytes]", stream), skip)
    end = stream.tell()
    tensors, versions, classes = [], set[str](), list[str]()
    for path, made in walk(root, MAX_TENSORS):
        if made.by == _WRAPPER or made.by in _ARRAYS:
            tensors.append(_tensor(source, path, made, arrays.get(id(made))))
        elif made.by.partition(".")[0] not in ("builtins", "numpy", "joblib"):
            classes.append(made.by)
            version = made.table().get("_sklearn_version")
            versions |= {version} if isinstance(version, str) else set()
    metadata: dict[str, object] = {}
    if classes:
        metadata["class"] = short(classes[0])
        metadata["classes"] = short(list(dict.fromkeys(classes))[:8])
    if versions:
        metadata["sklearn_version"] = short(", ".join(sorted(versions)))
    kind = "scikit-learn" if any(name.startswith("sklearn.") for name in classes) else "pickle"
    form = f"{kind} joblib" if arrays else kind
    errors = () if end == source.size else (f"its pickle ends at byte {end}, the file at {source.size}",)
    opcodes = _without(source, end, list(arrays.values()))
    return Model(form, tuple(tensors), metadata, errors=errors, scan=partial(verdict, [opcodes]))


def _without(source: ByteSource, end: int, arrays: list[_Array]) -> bytes:
    """The opcodes alone, without the arrays between them."""
    found, at = b"", 0
    for array in sorted(arrays):
        found += source.read(at, array.before - at)
        at = array.start + array.nbytes
    return found + source.read(at, end - at)


def _skipped(stream: IO[bytes], made: Made, size: int) -> _Array:
    """Go past an array; its padding says its own length in a byte."""
    said, before = made.table(), stream.tell()
    dtype = _dtype(said.get("dtype"))
    if dtype not in WIDTHS:
        # Objects, which joblib pickles for themselves.
        pickle_symbols.read_symbols(stream)
        return _Array(before, stream.tell(), 0)
    if said.get("numpy_array_alignment_bytes") is not None:
        padding = stream.read(1)
        stream.seek(padding[0], io.SEEK_CUR)
    start = stream.tell()
    nbytes = checked_tensor("", said["shape"], dtype).nbytes or 0
    if start + nbytes > size:
        raise UnreadableModel(f"it says that it has an array up to byte {start + nbytes}, but it has {size}")
    stream.seek(nbytes, io.SEEK_CUR)
    return _Array(before, start, nbytes)


def _tensor(source: ByteSource, path: str, made: Made, array: _Array | None) -> Tensor:
    if made.by == _WRAPPER:
        said = made.table()
        shape, dtype, in_order = said["shape"], _dtype(said.get("dtype")), said.get("order") == "C"
    else:
        state = made.state if isinstance(made.state, tuple) and len(made.state) > 3 else (0, (), None, True)
        shape, dtype, in_order = state[1], _dtype(state[2]), not state[3]
    tensor = checked_tensor(path, shape, dtype)
    if array is not None and tensor.nbytes == array.nbytes and (in_order or len(tensor.shape) < 2):
        return tensor._replace(part=partial(Part, source, array.start, array.nbytes))
    return tensor


def _dtype(said: object) -> str:
    return numpy_dtype(str(said.args[0])) if isinstance(said, Made) and said.args else "unknown"


def read_skops(archive: Archive) -> Model:
    """A skops archive: a schema of what is in it, and a `.npy` for each array."""
    said = json.loads(archive.read("schema.json", _MAX_SCHEMA))
    tensors = [read_npy(archive.part(file), path) for path, file in _files("", said, 0) if file.endswith(".npy")]
    if len(tensors) > MAX_TENSORS:
        raise UnreadableModel(f"it has more than {MAX_TENSORS} arrays")
    name = f"{said.get('__module__', '')}.{said['__class__']}"
    kept = {"skops_version": said.get("_skops_version"), "protocol": said.get("protocol")}
    facts = {key: short(value) for key, value in kept.items() if value is not None}
    return Model("scikit-learn skops", tuple(tensors), {"class": short(name), **facts})


def _files(path: str, node: Any, depth: int) -> Iterator[tuple[str, str]]:
    """The files of arrays below a node of the schema, by the keys that lead to them; ids change from save to save."""
    if depth > 200:
        raise UnreadableModel("its schema is too deep")
    if isinstance(node, list):
        for number, item in enumerate(node):
            yield from _files(f"{path}.{number}".lstrip("."), item, depth + 1)
    elif isinstance(node, dict):
        file = node.get("file")
        if isinstance(file, str):
            yield path, file
        content = node.get("content")
        if isinstance(content, dict) and "__class__" not in content:
            for key, item in content.items():
                yield from _files(f"{path}.{key}".lstrip("."), item, depth + 1)
        elif isinstance(content, dict | list):
            yield from _files(path, content, depth + 1)
