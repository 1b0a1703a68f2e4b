"""Keras: `.keras` archives, and HDF5 files, which h5py reads (extra `readers`)."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from cpv_hooks.errors import CPVError
from cpv_hooks.model_formats.record import MAX_TENSORS, Model, Tensor, UnreadableModel, checked_tensor, short
from cpv_hooks.model_formats.zip_archive import Archive
from cpv_hooks.system.byte_source import ByteSource, BytesSource, Part, SourceFile

MAGIC = b"\x89HDF\r\n\x1a\n"
WEIGHTS = "model.weights.h5"
_MAX_CONFIG = 16 << 20
_NEEDS = "its tensors are read with h5py: pip install 'dvc-cpv[readers]'"
_OF_KERAS = frozenset(("model_config", "layer_names", "keras_version"))
_NAMES = {"f": "F", "i": "I", "u": "U", "c": "C", "b": "BOOL"}


def read(source: ByteSource) -> Model:
    """An HDF5 file: its datasets, as tensors."""
    try:
        import h5py
    except ImportError:
        return Model("HDF5", notes=(_NEEDS,))
    tensors: list[Tensor] = []

    def visit(name: str, item: Any) -> None:
        # Links to other places and other files are not followed by a visit.
        if isinstance(item, h5py.Dataset):
            if len(tensors) >= MAX_TENSORS:
                raise UnreadableModel(f"it has more than {MAX_TENSORS} datasets")
            tensors.append(_tensor(source, name, item))

    stream = _Watched(source)
    try:
        with h5py.File(stream, "r") as file:
            file.visititems(visit)
            said = {key: _attribute(file.attrs, key) for key in ("keras_version", "backend") if key in file.attrs}
            is_keras = not _OF_KERAS.isdisjoint(file.attrs)
    except OSError as error:
        # So HDF5 reports what it cannot read, whatever the reason.
        raise stream.fault or UnreadableModel(str(error)) from error
    return Model("Keras HDF5" if is_keras else "HDF5", tuple(tensors), said)


class _Watched(SourceFile):
    """Remembers what the remote or the disk refused, of which HDF5 tells nothing."""

    fault: Exception | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            return super().read(size)
        except (CPVError, OSError) as error:
            self.fault = error
            raise


def _attribute(attributes: Any, key: str) -> object:
    value = attributes[key]
    return short(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)


def _tensor(source: ByteSource, name: str, dataset: Any) -> Tensor:
    dtype = dataset.dtype
    kind = _NAMES.get(dtype.kind)
    word = str(dtype)[:40] if kind is None else kind if kind == "BOOL" else f"{kind}{dtype.itemsize * 8}"
    tensor = checked_tensor(name, map(int, dataset.shape or ()), word)
    nbytes = tensor.elements * dtype.itemsize
    # None where it is in chunks, in another file, or was never written.
    offset = None if dataset.chunks or dataset.external else dataset.id.get_offset()
    place = None if offset is None or dtype.byteorder == ">" else partial(Part, source, offset, nbytes)
    return tensor._replace(nbytes=nbytes, part=place)


def read_keras(archive: Archive) -> Model:
    """A `.keras` archive: https://keras.io/api/models/model_saving_apis."""
    said = json.loads(archive.read("metadata.json", _MAX_CONFIG))
    config = json.loads(archive.read("config.json", _MAX_CONFIG))
    if WEIGHTS not in archive.members:
        raise UnreadableModel(f"it has no {WEIGHTS}")
    inner = read(_weights(archive))
    metadata = {key: short(said[key]) for key in ("keras_version", "date_saved") if key in said}
    metadata["class"] = short(config.get("class_name"))
    layers = config.get("config", {}).get("layers")
    if isinstance(layers, list):
        metadata["layers"] = len(layers)
    return Model("Keras", inner.tensors, metadata, inner.notes)


def _weights(archive: Archive) -> ByteSource:
    try:
        return archive.part(WEIGHTS)
    except UnreadableModel:
        return BytesSource(archive.read(WEIGHTS))
