"""safetensors: the length of a JSON header, the header, the bytes of the tensors without a gap.

https://huggingface.co/docs/safetensors: "Format". The header may begin with spaces.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from functools import partial
from typing import Any

from cpv_hooks.model_formats.record import MAX_TENSORS, Model, Tensor, UnreadableModel, checked_tensor, short
from cpv_hooks.system.byte_source import ByteSource, Part

MAX_HEADER = 100_000_000
"""The format's own limit."""
_METADATA = "__metadata__"


def begins(head: bytes) -> bool:
    """Whether a file begins like one: a length, then JSON."""
    return len(head) > 8 and head[8:].lstrip(b" ").startswith(b"{") and int.from_bytes(head[:8], "little") <= MAX_HEADER


def read(source: ByteSource) -> Model:
    """Read the header."""
    if source.size < 8:
        raise UnreadableModel(f"it has {source.size} bytes, and its header's length alone takes 8")
    (length,) = struct.unpack("<Q", source.read(0, 8))
    if length > min(MAX_HEADER, source.size - 8):
        raise UnreadableModel(f"it says that its header has {length} bytes; the file has {source.size}")
    header = json.loads(source.read(8, length).decode("utf-8"), object_pairs_hook=_once)
    if not isinstance(header, dict):
        raise UnreadableModel("its header is no JSON object")
    metadata = header.pop(_METADATA, None) or {}
    if len(header) > MAX_TENSORS or not isinstance(metadata, dict):
        raise UnreadableModel("its header is not that of a safetensors file")
    start = 8 + length
    tensors = tuple(_tensor(source, start, name, said) for name, said in header.items())
    end = start + max((said["data_offsets"][1] for said in header.values()), default=0)
    errors = () if end == source.size else (f"its tensors end at byte {end}, the file at {source.size}",)
    return Model("safetensors", tensors, {key: short(value) for key, value in metadata.items()}, errors=errors)


def _once(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise UnreadableModel("its header has a name twice")
    return table


def _tensor(source: ByteSource, start: int, name: str, said: Any) -> Tensor:
    try:
        dtype, shape, (first, last) = said["dtype"], tuple(said["shape"]), said["data_offsets"]
        tensor, nbytes = checked_tensor(name, shape, str(dtype)[:20]), last - first
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableModel(f"tensor {name[:80]!r} has no dtype, shape and data_offsets") from error
    if not 0 <= first <= last or tensor.nbytes not in (None, nbytes):
        raise UnreadableModel(f"tensor {name[:80]!r} has {nbytes} bytes, which is not what its shape and type take")
    return tensor._replace(nbytes=nbytes, part=partial(Part, source, start + first, nbytes))
