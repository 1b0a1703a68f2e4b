"""Whether two models have the same weights, and how far they are apart."""

from __future__ import annotations

import json
import math
import shutil
import struct
import sys
from pathlib import Path

import pytest

from cpv_hooks.model_formats.folder import read_folder
from cpv_hooks.model_formats.record import Model, Tensor
from cpv_hooks.model_formats.weights import are_equal, distances, have_same_tensors
from cpv_hooks.system.byte_source import BytesSource, FileSource, Part
from support.saved_models import SAVED, content, read, read_bytes


def ignore(size: int) -> None:
    """Nobody counts."""


@pytest.mark.parametrize(
    ("before", "again", "other"),
    [
        ("torch.pt", "torch-again.pt", "torch-other.pt"),
        ("keras.keras", "keras-again.keras", "keras-other.keras"),
        ("sklearn.skops", "sklearn-again.skops", "sklearn-other.skops"),
        ("catboost.cbm", "catboost-again.cbm", None),
        ("dcp", "dcp-again", None),
        ("torch-legacy.pt", "torch-other.pt", "torch.pt"),
    ],
)
def test_formats_whose_bytes_differ_from_save_to_save(before: str, again: str, other: str | None) -> None:
    if before != "dcp":
        assert content(before) != content(again), "a test of nothing"
    one, two = read(before), read(again)
    assert have_same_tensors(one, two)
    assert are_equal(one, two, ignore) is True
    if other:
        three = read(other)
        assert have_same_tensors(one, three)
        assert are_equal(one, three, ignore) is False


def test_orbax_has_the_same_weights_in_a_database_and_in_files() -> None:
    one, two = read("orbax-zarr3"), read("orbax-files")
    assert have_same_tensors(one, two)
    assert are_equal(one, two, ignore) is True
    assert {distance.name: distance.norm_before for distance in distances(one, two, ignore)} == {
        "bytes": pytest.approx(14**0.5),
        "half": pytest.approx(900**0.5),
        "mask": 1,
        "small": pytest.approx(2**0.5),
        "step": 7,
    }


@pytest.mark.parametrize("is_local", [True, False])
def test_a_change_of_orbax_weights_is_seen(tmp_path: Path, *, is_local: bool) -> None:
    import tensorstore

    place = tmp_path / "orbax"
    shutil.copytree(SAVED / "orbax", place)
    store = {"driver": "ocdbt", "base": {"driver": "file", "path": f"{place}/"}}
    bias = tensorstore.open({"driver": "zarr", "kvstore": store, "path": "layer.bias/"}).result()
    bias[1:].write([3, 4]).result()
    paths = [path for path in place.rglob("*") if path.is_file()]
    files = {
        str(path.relative_to(place)): FileSource(path) if is_local else BytesSource(path.read_bytes()) for path in paths
    }
    before, after = read("orbax"), read_folder(files)
    assert after is not None
    assert have_same_tensors(before, after)
    assert are_equal(before, after, ignore) is False
    moved = {found.name: (found.norm_before, found.norm) for found in distances(before, after, ignore)}
    assert moved == {"layer.bias": (0, 5), "layer.kernel": (pytest.approx(6**0.5), 0)}


def test_orbax_weights_that_cannot_be_read_are_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "files"
    shutil.copytree(SAVED / "orbax-files", place)
    (place / "half/0.0").write_bytes(b"no zstandard")
    files = {str(path.relative_to(place)): FileSource(path) for path in place.rglob("*") if path.is_file()}
    damaged = read_folder(files)
    assert damaged is not None
    assert {found.name for found in distances(read("orbax-files"), damaged, ignore) if found.norm is None} == {"half"}
    assert are_equal(read("orbax-files"), damaged, ignore) is None
    monkeypatch.setitem(sys.modules, "tensorstore", None)
    assert are_equal(read("orbax"), read("orbax"), ignore) is None
    assert [found.norm for found in distances(read("orbax"), read("orbax"), ignore)] == [None, None]


def test_safetensors_writes_its_metadata_in_any_order() -> None:
    def saved(metadata: dict[str, str]) -> Model:
        header = {"__metadata__": metadata, "a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}}
        text = json.dumps(header).encode()
        found = read_bytes("model.safetensors", struct.pack("<Q", len(text)) + text + b"12")
        assert found is not None
        return found

    assert are_equal(saved({"x": "1", "y": "2"}), saved({"y": "2", "x": "1"}), ignore) is True


def test_other_trees_are_other_tensors() -> None:
    assert not have_same_tensors(read("catboost.cbm"), read("catboost-other.cbm"))


def test_what_cannot_be_seen_is_not_known() -> None:
    assert are_equal(read("xgboost.json"), read("xgboost.json"), ignore) is None
    assert are_equal(read("onnx-external"), read("onnx-external"), ignore) is True


def one(dtype: str, data: bytes, count: int) -> Model:
    return Model("x", (Tensor("t", (count,), dtype, len(data), part=lambda: Part(BytesSource(data), 0, len(data))),))


@pytest.mark.parametrize(
    ("dtype", "before", "after"),
    [
        ("F32", struct.pack("<2f", 3, 4), struct.pack("<2f", 3, 5)),
        ("F64", struct.pack("<2d", 3, 4), struct.pack("<2d", 3, 5)),
        ("F16", struct.pack("<2e", 3, 4), struct.pack("<2e", 3, 5)),
        ("BF16", struct.pack("<2H", 0x4040, 0x4080), struct.pack("<2H", 0x4040, 0x40A0)),
        ("I8", b"\x03\x04", b"\x03\x05"),
        ("F8_E5M2", struct.pack("<e", 3)[1:] + struct.pack("<e", 4)[1:], struct.pack("<e", 3)[1:] + b"\x45"),
        ("F8_E4M3", bytes([0x44, 0x48]), bytes([0x44, 0x4A])),
    ],
)
def test_norms_by_type(dtype: str, before: bytes, after: bytes) -> None:
    (found,) = distances(one(dtype, before, 2), one(dtype, after, 2), ignore)
    assert found == ("t", 1.0, 5.0)


def test_norms_of_large_tensors_are_streamed() -> None:
    count = 1_300_001
    (found,) = distances(one("U8", bytes(count), count), one("U8", b"\1" * count, count), ignore)
    assert found.norm == pytest.approx(math.sqrt(count))


def test_norms_between_types_and_of_what_is_none() -> None:
    (found,) = distances(one("F16", struct.pack("<e", 2), 1), one("F32", struct.pack("<f", 2.5), 1), ignore)
    assert (found.norm, found.norm_before) == (0.5, 2.0)
    (found,) = distances(one("unknown", b"1", 1), one("unknown", b"1", 1), ignore)
    assert found == ("t", None, None)
    (found,) = distances(one("F32", struct.pack("<f", float("nan")), 1), one("F32", bytes(4), 1), ignore)
    assert math.isnan(found.norm or 0)
    infinite = one("F64", struct.pack("<2d", float("inf"), 1e300), 2)
    (found,) = distances(infinite, infinite, ignore)
    assert math.isnan(found.norm or 0)
    assert found.norm_before == math.inf


def test_ggufs_blocks_are_unpacked() -> None:
    model = read("tiny.gguf")
    found = {one.name: one for one in distances(model, model, ignore)}
    assert found["blk.0.attn_q.weight"].norm == 0
    assert found["blk.0.attn_q.weight"].norm_before == pytest.approx(math.sqrt(4 * 32), rel=0.01)
