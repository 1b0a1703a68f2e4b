"""The models in `tests/models/`, which the libraries wrote whose formats they are (`write_models.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cpv_hooks.model_formats import folder, single_file
from cpv_hooks.model_formats.record import Model
from cpv_hooks.system.byte_source import BytesSource, FileSource

SAVED = Path(__file__).parents[1] / "models"


def content(name: str) -> bytes:
    return (SAVED / name).read_bytes()


def read(name: str) -> Model:
    """A saved file or folder as its reader sees it."""
    path = SAVED / name
    if path.is_dir():
        files = {str(file.relative_to(path)): FileSource(file) for file in path.rglob("*") if file.is_file()}
        found = folder.read_folder(files)
    else:
        found = single_file.read_file(path.name, FileSource(path))
    assert found is not None, name
    return found


def read_bytes(name: str, data: bytes) -> Model | None:
    return single_file.read_file(name, BytesSource(data))


def cuts(data: bytes) -> Iterator[bytes]:
    """The same, cut at every hundredth of its length."""
    for hundredth in range(100):
        yield data[: len(data) * hundredth // 100]


def shapes(model: Model) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {name: (tensor.dtype, tensor.shape) for name, tensor in model.by_key().items()}
