"""The values of Orbax's arrays, read by TensorStore, the library that wrote them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cpv_hooks.model_formats.ocdbt import MANIFEST
from cpv_hooks.model_formats.record import UnreadableModel
from cpv_hooks.system.byte_source import ByteSource, Part, local_path

_CACHE = 256 << 20
"""Bytes of decoded blocks that are kept, so that one is not decoded for each piece that is read of it."""


class Arrays:
    """The arrays of the checkpoint in `folder`, which is empty or has a slash behind it."""

    def __init__(self, files: Mapping[str, ByteSource], folder: str, *, zarr3: bool) -> None:
        self._files = {name.removeprefix(folder): files[name] for name in files if name.startswith(folder)}
        self._driver = "zarr3" if zarr3 else "zarr"

    @cached_property
    def _folder(self) -> TemporaryDirectory[str]:
        """The checkpoint as a folder: a file of the cache is linked, one of the remote is brought."""
        folder = TemporaryDirectory(prefix="cpv-")
        for name, source in self._files.items():
            place = Path(folder.name, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            path = local_path(source)
            if path is not None:
                place.symlink_to(os.path.abspath(path))
                continue
            with place.open("wb") as stream:
                stream.writelines(Part(source, 0, source.size).chunks())
        return folder

    @cached_property
    def _store(self) -> dict[str, Any]:
        place = {"driver": "file", "path": f"{self._folder.name}/"}
        return {"driver": "ocdbt", "base": place} if MANIFEST in self._files else place

    def part(self, name: str) -> Part:
        """The values of one, in row-major order. `UnreadableModel` where TensorStore is missing, or cannot read it."""
        try:
            import tensorstore
        except ImportError as error:
            raise UnreadableModel("its arrays are read with tensorstore: pip install 'dvc-cpv[readers]'") from error
        spec = {
            "driver": self._driver,
            "kvstore": self._store,
            "path": f"{name}/",
            "context": {"cache_pool": {"total_bytes_limit": _CACHE}},
        }
        try:
            opened = tensorstore.open(spec, read=True, open=True).result()
        except ValueError as error:
            raise UnreadableModel(str(error).partition("\n")[0]) from error
        source = _ArraySource(opened)
        return Part(source, 0, source.size)


class _ArraySource:
    """An array's bytes in row-major order, of which a read decodes the rows that it needs."""

    def __init__(self, opened: Any) -> None:
        self._opened = opened
        self._row = opened.dtype.numpy_dtype.itemsize * prod(opened.shape[1:])
        self.size = self._row * (opened.shape[0] if opened.shape else 1)

    def read(self, offset: int, length: int) -> bytes:
        if not length:
            return b""
        first = offset // self._row
        rows = slice(first, -(-(offset + length) // self._row))
        chosen = self._opened[rows] if self._opened.shape else self._opened
        try:
            data: bytes = chosen.read().result().tobytes()
        except ValueError as error:
            raise UnreadableModel(str(error).partition("\n")[0]) from error
        start = offset - first * self._row
        return data[start : start + length]
