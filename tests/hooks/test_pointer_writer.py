"""Pointers that say which versions they mean, byte for byte as DVC writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cpv_hooks.dvcformat.directory_object import dir_object_bytes, dir_oid
from cpv_hooks.dvcformat.file_versions import Stored
from cpv_hooks.dvcformat.pointer import Content, Pointer, parse_pointers
from cpv_hooks.dvcformat.pointer_writer import render_pointer, render_stored
from cpv_hooks.errors import CPVError
from cpv_hooks.worktree.base_index import Index

A, B, C = ("60b725f10c9c85c70d97880dfe8191b3", "3b5d5c3712955042212316173ccf37be", "2cd6ee2c70b0bde53fbe6cac3c8b8bb1")
FILE = f"outs:\n- md5: {A}\n  size: 4\n  hash: md5\n  path: model.bin\n  desc: best # so far\n"
# What `dvc push` of DVC 3.67.1 made of it.
FILE_PLACED = FILE + f"  cloud:\n    storage:\n      etag: {A}\n      version_id: '17'\n"
FOLDER = f"outs:\n- md5: {dir_oid(dir_object_bytes([('a.csv', A), ('sub/b.csv', B)]))}\n"
FOLDER += "  size: 4\n  nfiles: 2\n  hash: md5\n  path: data\n"


def row(name: str, md5: str, version: str | None, size: int = 2) -> str:
    text = f"  - relpath: {name}\n    md5: {md5}\n    size: {size}\n"
    return text + (
        f"    cloud:\n      storage:\n        etag: {md5}\n        version_id: {version}\n" if version else ""
    )


FOLDER_PLACED = "outs:\n- hash: md5\n  path: data\n  files:\n" + row("a.csv", A, "va") + row("sub/b.csv", B, "vb")


def one(text: str, file: str = "data.dvc") -> Pointer:
    [pointer] = parse_pointers(text, file)
    return pointer


def stored(relpath: str, md5: str, version: str, size: int = 2) -> Stored:
    return Stored(relpath, md5, size, "storage", version, md5)


def test_a_file_and_its_version() -> None:
    pointer = one(FILE_PLACED)
    assert pointer.stored == (stored("", A, "17", 4),)
    assert pointer.names_versions_on("storage")
    assert not pointer.names_versions_on("another")
    assert not one(FILE).names_versions_on("storage")
    assert render_stored(FILE, {"model.bin": pointer.stored}, "model.bin.dvc") == FILE_PLACED


def test_a_folder_that_lists_its_files_is_known_by_the_same_hash() -> None:
    pointer = one(FOLDER_PLACED)
    assert (pointer.oid, pointer.size, pointer.nfiles) == (one(FOLDER).oid, 4, 2)
    assert pointer.names_versions_on("storage") and not one(FOLDER).names_versions_on("storage")
    assert render_stored(FOLDER, {"data": pointer.stored}, "data.dvc") == FOLDER_PLACED


def test_other_content_gets_no_place() -> None:
    assert render_stored(FILE, {"model.bin": [stored("", B, "v")]}, "model.bin.dvc") == FILE
    assert render_stored(FOLDER, {"data": [stored("a.csv", A, "v")]}, "data.dvc") == FOLDER


def test_a_change_drops_the_places_that_no_longer_hold() -> None:
    assert "cloud" not in render_pointer(FILE_PLACED, one(FILE_PLACED), Content(B, 5))
    assert "best # so far" in render_pointer(FILE_PLACED, one(FILE_PLACED), Content(B, 5))
    same = render_pointer(FILE_PLACED, one(FILE_PLACED), Content(A, 4, isexec=True))
    assert "version_id" in same
    files = [Stored("a.csv", C, 3), Stored("c.csv", C, 3), Stored("sub/b.csv", B, 2)]
    changed = render_pointer(FOLDER_PLACED, one(FOLDER_PLACED), Content("", 8, nfiles=3), files)
    expected = "outs:\n- hash: md5\n  path: data\n  files:\n"
    assert changed == expected + row("a.csv", C, None, 3) + row("c.csv", C, None, 3) + row("sub/b.csv", B, "vb")
    assert not one(changed).names_versions_on("storage")


def test_a_folder_becomes_a_file() -> None:
    assert render_pointer(FOLDER_PLACED, one(FOLDER_PLACED), Content(A, 2)) == (
        f"outs:\n- hash: md5\n  path: data\n  md5: {A}\n  size: 2\n"
    )


def test_what_needs_no_place() -> None:
    empty = "outs:\n- hash: md5\n  path: data\n  files: []\n"
    assert one(empty).oid == "d751713988987e9331980363e24189ce.dir"
    for text in (empty, FILE + "  push: false\n", FILE + "deps:\n- path: https://example.com/x\n"):
        assert one(text).names_versions_on("storage")
    partial = "outs:\n- path: data\n  files:\n  - relpath: a\n    etag: '1'\n"
    assert one(partial).oid is None


@pytest.mark.parametrize(
    ("name", "what"),
    [("../out", "is not a path inside"), (".git/config", "is not a path inside"), ("a.csv", "listed twice")],
)
def test_a_hostile_list_of_files(name: str, what: str) -> None:
    text = "outs:\n- hash: md5\n  path: data\n  files:\n" + row("a.csv", A, "v") + row(name, B, "v")
    with pytest.raises(CPVError, match=what) as caught:
        parse_pointers(text, "data.dvc")
    assert str(caught.value).startswith("data.dvc: its list of files: ")


def test_the_index_remembers_places(tmp_path: Path) -> None:
    index = Index(tmp_path)
    index.pointers["data.dvc"] = ((1, 2, 3, 4), 5, [one(FOLDER_PLACED)])
    index.save()
    assert Index.load(tmp_path).pointers == index.pointers


def test_outputs_of_stages() -> None:
    lock = (
        f"schema: '2.0'\nstages:\n  t:\n    cmd: x\n    outs:\n    - path: model.bin\n      hash: md5\n      md5: {A}\n"
    )
    pipeline = "stages:\n  t:\n    cmd: x\n    wdir: sub\n    outs: [model.bin]\n"
    text = render_stored(lock, {"sub/model.bin": [stored("", A, "v")]}, "dvc.lock", pipeline)
    assert text == lock + f"      cloud:\n        storage:\n          etag: {A}\n          version_id: v\n"
