"""A folder of files that are one model: shards with their index, Hugging Face folders, checkpoints of several ranks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from cpv_hooks.errors import CPVError
from cpv_hooks.model_formats import rank_folders
from cpv_hooks.model_formats.damage import DAMAGE, damage_reason
from cpv_hooks.model_formats.record import Model, Tensor, UnreadableModel, short, verdicts
from cpv_hooks.model_formats.single_file import read_file
from cpv_hooks.model_formats.suffixes import READABLE, suffix
from cpv_hooks.system.byte_source import ByteSource, Part

MAX_FILES = 10_000
_MAX_JSON = 64 << 20
_INDEX = ".index.json"


def read_folder(files: Mapping[str, ByteSource]) -> Model | None:
    """What a folder of files says of itself; None where it has no file of a model. A file that cannot be read is one
    of the `errors`, and the rest goes on."""
    names = [name for name in sorted(files) if suffix(name) in READABLE][:MAX_FILES]
    parts = [found for name in names if (found := _part(name, files)) is not None]
    parts += [found for name in sorted(files) if (found := _of_ranks(name, files)) is not None]
    indexes = [_index(name, files) for name in sorted(files) if name.endswith(_INDEX)]
    parts += [index for index in indexes if index is not None]
    if not parts:
        return None
    facts, errors = _configuration(files)
    formats = list(dict.fromkeys(part.format for part in parts if part.format))
    scans = [part.scan for part in parts if part.scan]
    return Model(
        f"folder of {', '.join(formats)}" if not facts else f"Hugging Face folder of {', '.join(formats)}",
        tuple(tensor for part in parts for tensor in part.tensors),
        {**facts, **{key: value for part in parts for key, value in part.metadata.items()}},
        tuple(note for part in parts for note in part.notes),
        tuple(error for part in parts for error in part.errors) + errors,
        scan=partial(verdicts, scans) if scans else None,
    )


def _part(name: str, files: Mapping[str, ByteSource]) -> Model | None:
    try:
        found = read_file(name, files[name])
    except (CPVError, OSError) as error:
        return Model("", errors=(f"{name}: {damage_reason(error)}",))
    return _with_files_beside(name, found, files).within(name) if found else None


def _with_files_beside(name: str, model: Model, files: Mapping[str, ByteSource]) -> Model:
    """Find the weights that a file says are in others beside it."""
    folder = name[: name.rfind("/") + 1]
    ends = dict[str, int]()
    for tensor in model.tensors:
        if tensor.elsewhere:
            file, offset = tensor.elsewhere
            ends[file] = max(ends.get(file, 0), offset + (tensor.nbytes or 0))
    lost = rank_folders.lost_files(files, folder, ends)
    tensors = tuple(_beside(folder, tensor, files) for tensor in model.tensors)
    return model._replace(tensors=tensors, errors=(*model.errors, *lost)) if ends else model


def _beside(folder: str, tensor: Tensor, files: Mapping[str, ByteSource]) -> Tensor:
    if tensor.elsewhere is None or tensor.nbytes is None:
        return tensor
    file, offset = tensor.elsewhere
    source = files.get(folder + file)
    return tensor._replace(part=partial(Part, source, offset, tensor.nbytes)) if source is not None else tensor


def _of_ranks(name: str, files: Mapping[str, ByteSource]) -> Model | None:
    base = name.rpartition("/")[2]
    reader = {rank_folders.DCP: rank_folders.read_dcp, rank_folders.ORBAX: rank_folders.read_orbax}.get(base)
    if reader is None:
        return None
    try:
        return reader(files, name)
    except (CPVError, OSError, UnreadableModel, *DAMAGE) as error:
        return Model("", errors=(f"{name}: {damage_reason(error)}",))


def _index(name: str, files: Mapping[str, ByteSource]) -> Model | None:
    """What an index of shards says that the folder does not have.

    Transformers leaves an old index behind when a model in one file follows one in shards, so an index of which no
    shard is there, beside such a file, is no error.
    """
    try:
        said = json.loads(files[name].read(0, min(files[name].size, _MAX_JSON)))
        shards = {str(file) for file in said["weight_map"].values()}
    except (CPVError, OSError, *DAMAGE) as error:
        return Model("", errors=(f"{name}: {damage_reason(error)}",))
    folder = name.rpartition("/")[0]
    missing = sorted(shard for shard in shards if (f"{folder}/{shard}" if folder else shard) not in files)
    if missing and len(missing) == len(shards) and name.removesuffix(_INDEX) in files:
        return Model("", notes=(f"{name}: it is of an older save; none of its {len(shards)} shards is here",))
    return Model("", errors=tuple(f"{name}: shard {shard[:100]} is missing" for shard in missing)) if missing else None


def _configuration(files: Mapping[str, ByteSource]) -> tuple[dict[str, object], tuple[str, ...]]:
    """What a Hugging Face folder's `config.json` says of the architecture, and why it cannot be read."""
    source = files.get("config.json")
    if source is None:
        return {}, ()
    try:
        said: Any = json.loads(source.read(0, min(source.size, _MAX_JSON)))
        kept = ("model_type", "architectures", "torch_dtype", "dtype", "transformers_version")
        return {key: short(said[key]) for key in kept if key in said} if "model_type" in said else {}, ()
    except (CPVError, OSError, *DAMAGE) as error:
        return {}, (f"config.json: {damage_reason(error)}",)
