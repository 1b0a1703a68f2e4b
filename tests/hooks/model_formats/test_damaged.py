"""Files that are not what they say: one line each, and never an exception."""

from __future__ import annotations

import json
import random
import struct

import pytest

from cpv_hooks.model_formats.folder import read_folder
from cpv_hooks.model_formats.record import Model
from cpv_hooks.system.byte_source import ByteSource, BytesSource, FileSource
from support.saved_models import SAVED, content, cuts, read_bytes

FILES = sorted(path.name for path in SAVED.iterdir() if path.is_file())
UNNAMED = ("xgboost.json", "lightgbm.txt", "torch-checkpoint.ckpt")
"""Whose names say nothing of their formats: cut off before they begin like one, they are nobody's."""


def lines(model: Model | None) -> list[str]:
    assert model is not None
    assert all(len(error.splitlines()) == 1 for error in model.errors)
    return list(model.errors)


@pytest.mark.parametrize("name", FILES)
def test_cut_at_every_hundredth(name: str) -> None:
    for cut in cuts(content(name)):
        found = read_bytes(name, cut)
        if found is None:
            assert name in UNNAMED
            assert len(cut) < 64
        else:
            assert len(lines(found)) == 1, len(cut)


def test_a_file_that_metadata_name_is_missing() -> None:
    alone = read_folder({".metadata": BytesSource(content("dcp/.metadata"))})
    assert lines(alone) == [".metadata: __0_0.distcp is missing"]
    lost = read_folder({"model.onnx": BytesSource(content("onnx-external/model.onnx"))})
    assert lines(lost) == ["model.onnx: model.onnx.data is missing"]


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("sharded", "model.safetensors.index.json"),
        ("sharded", "model-00002-of-00002.safetensors"),
        ("sharded", "config.json"),
        ("onnx-external", "model.onnx"),
        ("onnx-external", "model.onnx.data"),
        ("dcp", ".metadata"),
        ("dcp", "__0_0.distcp"),
        ("orbax", "_METADATA"),
        ("orbax", "manifest.ocdbt"),
        ("orbax-files", "half/.zarray"),
    ],
)
def test_a_file_of_a_folder_cut_at_every_hundredth(folder: str, name: str) -> None:
    whole = {str(path.relative_to(SAVED / folder)): path for path in (SAVED / folder).rglob("*") if path.is_file()}
    files: dict[str, ByteSource] = {beside: FileSource(path) for beside, path in whole.items()}
    assert lines(read_folder(files)) == []
    for cut in cuts(whole[name].read_bytes()):
        files[name] = BytesSource(cut)
        assert len(lines(read_folder(files))) == 1, len(cut)


@pytest.mark.parametrize("name", [name for name in FILES if not name.endswith((".h5", ".keras"))])
def test_bytes_that_were_changed(name: str) -> None:
    """Whatever is read of it: it ends, and what is wrong is a line."""
    drawn = random.Random(name)
    whole = content(name)
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(drawn.choice((1, 4, 64))):
            damaged[drawn.randrange(min(len(damaged), 4096))] = drawn.randrange(256)
        found = read_bytes(name, bytes(damaged))
        assert found is None or lines(found) is not None


@pytest.mark.parametrize("name", ["model.safetensors", "model.gguf", "model.pt"])
@pytest.mark.parametrize("junk", [b"", b"\0", b"not a model at all", bytes(range(256)) * 9])
def test_junk(name: str, junk: bytes) -> None:
    assert len(lines(read_bytes(name, junk))) == 1


def safetensors(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (struct.pack("<Q", 1 << 40) + b"{}", "it says that its header has 1099511627776 bytes; the file has 10"),
        (struct.pack("<Q", 99_999_999) + b"{}", "it says that its header has 99999999 bytes; the file has 10"),
        (safetensors(b'{"a":' + b"[" * 100_000), "while decoding a JSON array"),
        (safetensors([1]), "its header is no JSON object"),
        (safetensors({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, b"1234"), "which is not what"),
        (safetensors({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, b"1234"), "a shape that none"),
        (safetensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, b"12"), "the file at"),
        (safetensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": [8, 4]}}, b"12"), "has -4 bytes"),
        (safetensors({"a": {"shape": "x"}}), "no dtype, shape and data_offsets"),
        (safetensors(b'{"a": 1, "a": 2}'), "a name twice"),
        (b"GGUF" + struct.pack("<IQQ", 9, 0, 0), "version 9"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0), "it says that it has"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 62), "a name of"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 8, 1 << 50), "an array of"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 0, 1 << 50), "its header reaches"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<I", 77), "a value of type 77"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 1, 0, 1) + b"t" + struct.pack("<I", 1 << 30), "1073741824 dimensions"),
        (
            b"GGUF" + struct.pack("<IQQQ", 3, 1, 0, 1) + b"t" + struct.pack("<IQIQ", 1, 1 << 63, 0, 0),
            "a shape that none",
        ),
    ],
)
def test_lengths_that_do_not_fit(data: bytes, said: str) -> None:
    name = "model.gguf" if data.startswith(b"GGUF") else "model.safetensors"
    (line,) = lines(read_bytes(name, data))
    assert said in line


def torch_zip(pickled: bytes, name: str = "m/data.pkl") -> bytes:
    import io
    import zipfile

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, pickled)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("pickled", "said"),
    [
        (b"", "exhausted before seeing STOP"),
        (b"(" * 10_000, "exhausted before seeing STOP"),
        (b"\x80\x02.", "damaged"),
        (b"l.", "damaged"),
        (b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62) + b".", "expected"),
        (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(I1\ntR.", "no storage and shape"),
    ],
)
def test_pickles_that_cannot_be(pickled: bytes, said: str) -> None:
    (line,) = lines(read_bytes("model.pt", torch_zip(pickled)))
    assert said in line


def test_a_pickle_that_doubles_itself_is_walked_once() -> None:
    body = b"\x80\x02]q\x00" + b"".join(b"]q%c(h%ch%ce" % (n + 1, n, n) for n in range(100)) + b"."
    found = read_bytes("model.pt", torch_zip(body))
    assert lines(found) == []


def test_a_pickle_that_nests_deep_has_bounded_names() -> None:
    deep = 200_000
    leaf = b"ctorch._utils\n_rebuild_tensor_v2\n(NK\x00(K\x01t(K\x01ttR"
    body = b"\x80\x02" + b"]" * deep + leaf + b"a" * deep + b"."
    found = read_bytes("model.pt", torch_zip(body))
    assert lines(found) == []
    assert found is not None
    assert len(found.tensors[0].name) < 1100


def test_a_zip_that_swells(monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import zipfile

    from cpv_hooks.model_formats import torch_files

    monkeypatch.setattr(torch_files, "MAX_PICKLE", 1 << 20)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/data.pkl", b"\0" * (2 << 20))
    assert lines(read_bytes("model.pt", stream.getvalue())) == ["its m/data.pkl says that it has 2097152 bytes"]


def test_what_is_no_model_is_nobodys() -> None:
    assert read_bytes("model.bin", b"weights") is None
    assert read_bytes("notes.txt", b"") is None
    assert read_bytes("data.zip", torch_zip(b"1", "table.csv")) is None
    assert read_bytes("data.zip", torch_zip(b"1", "table.csv")[:-9]) is None


@pytest.mark.parametrize("pickled", [b"\x80\x04K\x01K\x02\x93.", b"\x80\x04N\x8c\x01a\x93)R.", b"cos\nsystem\n."])
def test_a_scanner_is_asked_about_whatever_can_be_read(pickled: bytes) -> None:
    found = read_bytes("model.pkl", pickled)
    assert found is None or isinstance(found.verdict, str)
    archived = read_bytes("model.pt", torch_zip(pickled))
    assert archived is not None
    assert isinstance(archived.verdict, str)
