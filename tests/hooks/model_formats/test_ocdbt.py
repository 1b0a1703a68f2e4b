"""The database in which Orbax describes arrays, as TensorStore wrote it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

import pytest

from cpv_hooks.model_formats import ocdbt
from cpv_hooks.model_formats.folder import read_folder
from cpv_hooks.model_formats.record import Model
from cpv_hooks.system.byte_source import ByteSource, BytesSource
from support.saved_models import SAVED, cuts, shapes

DATA = "d/"


def files(name: str) -> dict[str, bytes]:
    place = SAVED / name
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def sources(contents: Mapping[str, bytes]) -> dict[str, ByteSource]:
    return {name: BytesSource(content) for name, content in contents.items()}


def read(contents: Mapping[str, bytes]) -> Model:
    found = read_folder(sources(contents))
    assert found is not None
    return found


def test_a_tree_with_branches_has_what_was_written_last() -> None:
    found = dict(ocdbt.values(sources(files("ocdbt-nodes")), "", ("/.zarray",)))
    said = {name: json.loads(value) for name, value in found.items()}
    assert {name: (one["shape"], one["attributes"]) for name, one in said.items()} == {
        f"layer.{number}.kernel/.zarray": ([number], "new") for number in range(30)
    }


def test_a_checkpoint_in_a_folder_of_its_step() -> None:
    found = read({f"10/default/{name}": content for name, content in files("orbax").items()})
    assert shapes(found) == {"layer.bias": ("F32", (3,)), "layer.kernel": ("F32", (2, 3))}


def test_shapes_are_there_without_the_library_that_unpacks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    found = read(files("orbax"))
    assert shapes(found) == {"layer.bias": ("unknown", (3,)), "layer.kernel": ("unknown", (2, 3))}
    assert found.notes == ("types of its arrays are read with zstandard: pip install 'dvc-cpv[readers]'",)
    assert found.errors == ()


@pytest.mark.parametrize("name", ["orbax", "orbax-zarr3"])
def test_cut_at_every_hundredth(name: str) -> None:
    whole = files(name)
    (node,) = (one for one in whole if one.startswith(DATA))
    for part in (ocdbt.MANIFEST, node):
        for cut in cuts(whole[part]):
            found = read({**whole, part: cut})
            assert len(found.errors) == 1, (part, len(cut))
            assert found.errors[0].startswith(f"{ocdbt.MANIFEST}: ")
            assert {dtype for dtype, _ in shapes(found).values()} == {"unknown"}
    assert read({one: content for one, content in whole.items() if one != node}).errors == (
        f"{ocdbt.MANIFEST}: {node} is missing",
    )


@pytest.mark.parametrize("name", ["orbax", "orbax-zarr3", "ocdbt-nodes"])
def test_bytes_that_were_changed(name: str) -> None:
    """Whatever is read of it: it ends, and what is wrong is a line."""
    tree = {"tree_metadata": {}}
    whole = {"_METADATA": json.dumps(tree).encode(), **files(name)}
    for part in [one for one in whole if one == ocdbt.MANIFEST or one.startswith(DATA)]:
        for at in range(0, len(whole[part]), max(1, len(whole[part]) // 100)):
            damaged = bytearray(whole[part])
            damaged[at] ^= 0xFF
            found = read({**whole, part: bytes(damaged)})
            assert all(len(error.splitlines()) == 1 for error in found.errors)


def node(body: bytes, magic: int = 0x0CDB20DE) -> bytes:
    return magic.to_bytes(4, "big") + (18 + len(body)).to_bytes(8, "little") + b"\0\0" + body + bytes(4)


def manifest(root: bytes) -> bytes:
    """One that names a root in `d/x`."""
    config = bytes(16) + b"\0\x01\x01\x04\0"
    version = b"\x01\x01\0\0\0" + bytes([len(root)]) + bytes(11) + b"\0"
    return node(config + b"\x01\x03\0d/x" + version, 0x0CDB3A2A)


@pytest.mark.parametrize(
    ("root", "said"),
    [
        (node(b"\0\0" + b"\xff" * 9 + b"\x01"), "its header reaches"),
        (node(b"\0\0" + b"\xff" * 11), "a number before byte"),
        (node(b"\x01\x01\x03\0d/x\x01\0\0\0\0\x22\0\0\0"), "larger than any that describes arrays"),
        (node(b"\x01\x01\x03\0d/x\x01\0\0\x09\0\x29\0\0\0"), "list index out of range"),
        (node(b"", 7), "no database of this format"),
        (node(b"")[:13] + b"\x02" + bytes(4), "compressed in a way (2)"),
    ],
)
def test_what_no_tensorstore_wrote(root: bytes, said: str) -> None:
    whole = {"_METADATA": b'{"tree_metadata": {}}', ocdbt.MANIFEST: manifest(root), "d/x": root}
    (error,) = read(whole).errors
    assert said in error
