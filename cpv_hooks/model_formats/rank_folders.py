"""Checkpoints that several processes write into one folder: `torch.distributed.checkpoint` and Orbax."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from cpv_hooks.errors import CPVError
from cpv_hooks.model_formats import ocdbt, pickle_symbols, torch_files
from cpv_hooks.model_formats.damage import DAMAGE, damage_reason
from cpv_hooks.model_formats.numpy_files import dtype_named, numpy_dtype
from cpv_hooks.model_formats.orbax_arrays import Arrays
from cpv_hooks.model_formats.pickle_objects import Global, Made
from cpv_hooks.model_formats.pickle_verdict import verdict
from cpv_hooks.model_formats.record import MAX_TENSORS, Model, Tensor, UnreadableModel, checked_tensor, short
from cpv_hooks.model_formats.zip_archive import Archive
from cpv_hooks.system.byte_source import ByteSource, Part

DCP = ".metadata"
ORBAX = "_METADATA"
_STORAGE = "torch.distributed.checkpoint.metadata.TensorStorageMetadata"
_ZARR = ("/.zarray", "/zarr.json")
_MAX_JSON = 64 << 20


def read_dcp(files: Mapping[str, ByteSource], name: str = DCP) -> Model:
    """`torch.distributed.checkpoint`: a pickle that says which tensors there are, and in which files."""
    data = files[name].read(0, min(files[name].size, torch_files.MAX_PICKLE))
    root = pickle_symbols.read_symbols(io.BytesIO(data))
    if not isinstance(root, Made) or not root.by.endswith(".Metadata"):
        raise UnreadableModel("it is no metadata of torch.distributed.checkpoint")
    folder = name.removesuffix(DCP)
    said = root.table()
    pieces = _pieces(said.get("storage_data"))
    tensors = []
    for key, item in _pairs(said.get("state_dict_metadata")):
        if isinstance(item, Made) and item.by == _STORAGE:
            tensors.append(_tensor(files, folder, str(key)[:1000], item, pieces.get(str(key), [])))
    ends = dict[str, int]()
    for path, offset, length in (piece for found in pieces.values() for piece in found):
        ends[path] = max(ends.get(path, 0), offset + length)
    errors = tuple(f"{name}: {lost}" for lost in lost_files(files, folder, ends))
    scan = partial(verdict, [data])
    return Model("torch.distributed.checkpoint", tuple(tensors), {"files": len(ends)}, errors=errors, scan=scan)


def lost_files(files: Mapping[str, ByteSource], folder: str, ends: Mapping[str, int]) -> list[str]:
    """Of files of a folder, of which so many bytes at least are said to be there, those that are missing or cut."""
    found = []
    for name in sorted(ends):
        source = files.get(folder + name)
        try:
            if source is None:
                found.append(f"{name[:100]} is missing")
            elif source.size < ends[name]:
                found.append(f"{name[:100]} ends at byte {source.size} of at least {ends[name]}")
        except (CPVError, OSError) as error:
            found.append(f"{name[:100]}: {damage_reason(error)}")
    return found


def _pairs(made: object) -> list[tuple[Any, Any]]:
    return made.pairs if isinstance(made, Made) else []


def _pieces(made: object) -> dict[str, list[tuple[str, int, int]]]:
    """By tensor: the file, and where in it each of its pieces is."""
    found: dict[str, list[tuple[str, int, int]]] = {}
    for index, info in _pairs(made):
        where = info.table() if isinstance(info, Made) else {}
        path, offset, length = where.get("relative_path"), where.get("offset"), where.get("length")
        if isinstance(path, str) and isinstance(offset, int) and isinstance(length, int) and isinstance(index, Made):
            found.setdefault(str(index.table().get("fqn")), []).append((path, offset, length))
    return found


def _tensor(
    files: Mapping[str, ByteSource], folder: str, name: str, item: Made, pieces: list[tuple[str, int, int]]
) -> Tensor:
    said = item.table()
    size, properties = said.get("size"), said.get("properties")
    shape = size.args[0] if isinstance(size, Made) and size.args else ()
    first = properties.state[0] if isinstance(properties, Made) and isinstance(properties.state, tuple) else None
    dtype = torch_files.torch_dtype(first if isinstance(first, Global) else None)
    tensor = checked_tensor(name, shape, dtype)
    if len(pieces) != 1:
        return tensor._replace(file=pieces[0][0] if pieces else "")
    path, offset, length = pieces[0]
    source = files.get(folder + path)
    place = partial(_saved, source, offset, length) if source is not None else None
    return tensor._replace(file=path, part=place)


def _saved(source: ByteSource, offset: int, length: int) -> Part:
    """The bytes of a piece, which is what `torch.save` made of one tensor."""
    tensors = torch_files.read_zip(Archive(Part(source, offset, length))).tensors
    if len(tensors) != 1 or tensors[0].part is None:
        raise UnreadableModel("a piece of it is no tensor")
    return tensors[0].part()


def read_orbax(files: Mapping[str, ByteSource], name: str = ORBAX) -> Model:
    """Orbax: the tree of arrays, and what Zarr says of each."""
    folder = name.removesuffix(ORBAX)
    said = _document(files[name])
    tree = said["tree_metadata"]
    if not isinstance(tree, dict) or len(tree) > MAX_TENSORS:
        raise UnreadableModel("it is no metadata of Orbax")
    notes, errors = list[str](), list[str]()
    shapes, arrays = _shapes(files, folder), dict[str, Tensor]()
    try:
        for key, text in _described(files, folder):
            array = _array(key, json.loads(text))
            arrays[array.name] = array
    except ocdbt.NeedsZstandard:
        notes.append("types of its arrays are read with zstandard: pip install 'dvc-cpv[readers]'")
    except (CPVError, OSError, UnreadableModel, *DAMAGE) as error:
        errors.append(f"{folder}{ocdbt.MANIFEST}: {damage_reason(error)}")
    values = Arrays(files, folder, zarr3=bool(said.get("use_zarr3")))
    tensors = []
    for item in tree.values():
        path = ".".join(str(key["key"])[:200] for key in item["key_metadata"])
        known = arrays.get(path)
        shape = item["value_metadata"].get("write_shape", shapes.get(path, list(known.shape) if known else None))
        if isinstance(shape, list):
            dtype = known.dtype if known else "unknown"
            tensors.append(checked_tensor(path, shape, dtype)._replace(nbytes=None, part=partial(values.part, path)))
    kept = ("use_ocdbt", "use_zarr3")
    facts = {key: short(said[key]) for key in kept if key in said}
    return Model("Orbax", tuple(tensors), facts, tuple(notes), tuple(errors))


def _described(files: Mapping[str, ByteSource], folder: str) -> Iterator[tuple[str, bytes]]:
    """What Zarr says of each array, by the array's name: in a database, or in a file for each."""
    if folder + ocdbt.MANIFEST in files:
        yield from ocdbt.values(files, folder, _ZARR)
        return
    for name, source in files.items():
        if name.startswith(folder) and name.endswith(_ZARR):
            yield name.removeprefix(folder), source.read(0, min(source.size, _MAX_JSON))


def _array(key: str, said: Mapping[str, Any]) -> Tensor:
    """https://zarr-specs.readthedocs.io: version 2 has `dtype`, as NumPy writes it or a name, version 3 `data_type`."""
    written = said["data_type"] if "data_type" in said else said["dtype"]
    dtype = numpy_dtype(written) if written[:1] in "<>|" else dtype_named(written)
    return checked_tensor(key.rpartition("/")[0], said["shape"], dtype)


def _document(source: ByteSource) -> Any:
    return json.loads(source.read(0, min(source.size, _MAX_JSON)))


def _shapes(files: Mapping[str, ByteSource], folder: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for name, source in files.items():
        if name.startswith(f"{folder}array_metadatas/"):
            for item in _document(source)["array_metadatas"]:
                one = item["array_metadata"]
                found[str(one["param_name"])] = one["write_shape"]
    return found
