"""How much of a large file is read: of a remote that is what travels."""

from __future__ import annotations

import io
import zipfile

import pytest

from cpv_hooks.model_formats.single_file import read_file
from cpv_hooks.system.byte_source import BytesSource
from support.saved_models import content

LARGE = 16 << 20


class Counted(BytesSource):
    """Counts what is read."""

    asked = 0

    def read(self, offset: int, length: int) -> bytes:
        self.asked += length
        return super().read(offset, length)


def torch_file() -> bytes:
    """A state of five tensors, one of them large."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content("torch.pt"))) as saved, zipfile.ZipFile(stream, "w") as archive:
        for name in saved.namelist():
            archive.writestr(name, saved.read(name))
            if name.endswith("data.pkl"):
                archive.writestr("torch/data/large", bytes(LARGE))
    return stream.getvalue()


def field(number: int, data: bytes) -> bytes:
    """A field of Protocol Buffers that holds bytes."""
    size, length = len(data), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + data


def onnx_file() -> bytes:
    """A graph with one weight, then a node."""
    weight = b"\x08" + b"\x80\x80\x80\x08" + b"\x10\x02" + field(8, b"large") + field(9, bytes(LARGE))
    return b"\x08\x0a" + field(7, field(5, weight) + field(1, b"")) + field(8, b"\x10\x15")


@pytest.mark.parametrize(
    ("name", "data", "tensors"),
    [
        ("model.gguf", content("tiny.gguf") + bytes(LARGE), 2),
        ("model.pt", torch_file(), 4),
        ("model.onnx", onnx_file(), 1),
        ("model.h5", content("keras.h5") + bytes(LARGE), 4),
    ],
)
def test_of_large_files_only_headers_are_read(name: str, data: bytes, tensors: int) -> None:
    source = Counted(data)
    found = read_file(name, source)
    assert found is not None
    assert (len(found.tensors), found.errors) == (tensors, ())
    assert source.asked < 400 << 10
