"""The one table of what the files of models are called. A plugin adds to it by `cpv_kind` and `cpv_model_reader`."""

from __future__ import annotations

# fmt: off
READABLE = frozenset((
    ".safetensors", ".gguf", ".pt", ".pth", ".ckpt", ".bin", ".keras", ".h5", ".hdf5", ".onnx", ".ubj", ".cbm",
    ".joblib", ".skops", ".pkl", ".pickle",
))
"""Names of files that are looked into; in a folder no others are."""

MODEL = READABLE | frozenset((".tflite", ".pb", ".msgpack"))
"""Names that say of a file that it is a model."""
# fmt: on


def suffix(name: str) -> str:
    """The suffix of a file's name in lower case, with its dot; empty where it has none."""
    stem, dot, last = name.rpartition("/")[2].rpartition(".")
    return f".{last.lower()}" if stem and dot else ""
