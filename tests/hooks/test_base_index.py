"""The base of the sync: it survives a round trip, and damage to it costs hashing, never content."""

from __future__ import annotations

import json
import random
import tracemalloc
from array import array
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.dvcformat.directory_object import dir_object_pieces
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.system.columns import HashColumn, NameColumn
from cpv_hooks.system.signatures import FolderListing
from cpv_hooks.worktree.base_index import BaseEntry, Index
from cpv_hooks.worktree.base_tree import Tree
from cpv_hooks.worktree.known_files import known_oids

OID = "d41d8cd98f00b204e9800998ecf8427e"
NAMES = ["a", "b/ü", "b/new\nline", "b/\udcff"]


def tree(count: int = 4) -> Tree:
    names = (NAMES * (count // len(NAMES) + 1))[:count]
    listing = FolderListing(NameColumn.of(names), array("q", range(4 * count)))
    return Tree(listing, HashColumn.of(f"{n:032x}" for n in range(count)))


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    index = Index.load(tmp_path)
    index.set("model.bin", BaseEntry(OID, True, (1, 2, 3, 4), checked=5))
    index.set("data \udcff", BaseEntry(f"{OID}.dir", checked=6, placing=f"{OID}.dir"))
    index.pointers["model.bin.dvc"] = ((1, 2, 3, 4), 9, [Pointer("model.bin.dvc", "model.bin", OID, size=3)])
    index.objects[OID] = (1, 2, 3, 2**62)
    index.save()

    again = Index.load(tmp_path)
    assert (again.entries, again.pointers, again.objects) == (index.entries, index.pointers, index.objects)
    assert again.entries["data \udcff"].isdir


def test_an_unchanged_index_is_not_written(tmp_path: Path) -> None:
    index = Index.load(tmp_path)
    index.set("model.bin", BaseEntry(OID))
    index.save()
    before = (tmp_path / "index.json").stat()
    again = Index.load(tmp_path)
    again.save()
    assert (tmp_path / "index.json").stat().st_ino == before.st_ino


def test_what_is_forgotten_is_gone(tmp_path: Path) -> None:
    index = Index(tmp_path)
    index.set("data", BaseEntry(f"{OID}.dir"))
    index.write_tree("data", f"{OID}.dir", tree())
    index.save()
    index.forget("data")
    # Not before the index that names it no more is on the disk: a kill between the two forgets nothing.
    assert index.read_tree("data", f"{OID}.dir") is not None
    index.save()
    assert index.entries == {}
    assert index.read_tree("data", f"{OID}.dir") is None


@pytest.mark.parametrize("count", [0, 1, 4, 1000])
def test_the_files_of_a_directory(tmp_path: Path, count: int) -> None:
    index, held = Index(tmp_path), tree(count)
    index.write_tree("data", f"{OID}.dir", held)
    found = index.read_tree("data", f"{OID}.dir")
    assert found is not None
    assert (found.listing.names, found.listing.numbers, found.oids) == (
        held.listing.names,
        held.listing.numbers,
        held.oids,
    )


def test_a_tree_of_another_base_is_not_believed(tmp_path: Path) -> None:
    index = Index(tmp_path)
    index.write_tree("data", f"{OID}.dir", tree())
    assert index.read_tree("data", f"{'0' * 32}.dir") is None
    assert index.read_tree("other", f"{OID}.dir") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "3",
        '{"version": 1}',
        '{"version": 99, "entries": {}, "pointers": {}, "objects": {}}',
        '{"version": 1, "entries": [], "pointers": {}, "objects": {}}',
        '{"version": 1, "entries": {"a": {}}, "pointers": {}, "objects": {}}',
        '{"version": 1, "entries": {"a": {"oid": "x", "signature": [1]}}, "pointers": {}, "objects": {}}',
        '{"version": 1, "entries": {"a": {"oid": "x", "nonsense": 1}}, "pointers": {}, "objects": {}}',
        '{"version": 1, "entries": {"a": {"oid": 3}}, "pointers": {}, "objects": {}}',
        '{"version": 1, "entries": {}, "pointers": {"x.dvc": 1}, "objects": {}}',
        '{"version": 1, "entries": {}, "pointers": {}, "objects": {"a": [1, 2, 3, 1e999]}}',
        "[" * 100_000,
    ],
)
def test_a_damaged_index_is_an_empty_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "index.json").write_text(text)
    index = Index.load(tmp_path)
    assert (index.entries, index.pointers, index.objects) == ({}, {}, {})


@pytest.mark.parametrize("change", [{"remote": None}, {"push": None}, {"later": 1}], ids=str)
def test_pointers_that_another_version_of_cpv_remembered_are_read_again(
    tmp_path: Path, change: dict[str, int | None]
) -> None:
    index = Index(tmp_path)
    index.set("model.bin", BaseEntry(OID))
    index.pointers["model.bin.dvc"] = ((1, 2, 3, 4), 9, [Pointer("model.bin.dvc", "model.bin", OID, size=3)])
    index.save()
    table = json.loads((tmp_path / "index.json").read_text())
    pointer = table["pointers"]["model.bin.dvc"][2][0]
    for name, value in change.items():
        pointer.pop(name, None)
        if value is not None:
            pointer[name] = value
    (tmp_path / "index.json").write_text(json.dumps(table))

    again = Index.load(tmp_path)
    assert (again.entries, again.pointers) == (index.entries, {})


def test_an_index_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_bytes(b"\xff\xfe\x00")
    assert Index.load(tmp_path).entries == {}


def test_a_damaged_tree_file_is_ignored(tmp_path: Path) -> None:
    index = Index(tmp_path)
    index.write_tree("data", f"{OID}.dir", tree(50))
    [file] = (tmp_path / "trees").iterdir()
    good = file.read_bytes()
    source = random.Random(1)  # the damage must be the same in every run
    damaged = [good[:cut] for cut in (0, 5, 11, 14, 15, 40, 60, len(good) - 1)] + [good + b"x"]
    for _ in range(300):
        position = source.randrange(len(good))
        damaged.append(good[:position] + bytes([good[position] ^ 1 << source.randrange(8)]) + good[position + 1 :])
    for data in damaged:
        file.write_bytes(data)
        assert index.read_tree("data", f"{OID}.dir") is None, data[:20]


def test_a_repository_whose_state_is_damaged_loses_nothing(make_repo: MakeRepo) -> None:
    repo = make_repo(files={"model.bin": b"one", "data/a": b"1", "data/b": b"2"})
    state = repo.path / ".git/cpv"
    files = [
        path for path in state.rglob("*") if path.is_file() and path.name in ("index.json", "projects.json", "watch")
    ]
    files += list((state / "trees").iterdir())
    assert {path.name for path in files} >= {"index.json", "projects.json", "watch"}
    for file in files:
        file.write_bytes(b"\0garbage'\"$(touch broken)\n")
    (state / "stamp").touch()
    repo.write("model.bin", b"two")
    repo.write("data/a", b"changed")

    repo.git("commit", "-q", "-m", "second")
    assert repo.changes() == []
    assert repo.tags() == ["data-v0.0", "data-v0.1", "v0.0", "v0.1"]
    repo.git("checkout", "-q", "v0.0")
    assert (repo.read("model.bin"), repo.read("data/a")) == (b"one", b"1")
    repo.git("checkout", "-q", "v0.1")
    assert (repo.read("model.bin"), repo.read("data/a")) == (b"two", b"changed")
    assert not (repo.path / "broken").exists()


def test_what_is_known_of_many_files_takes_little_more_memory_than_its_bytes(tmp_path: Path) -> None:
    count = 20_000
    listing = FolderListing(NameColumn.of(f"{n:06d}.csv" for n in range(count)), array("q", range(4 * count)))
    index = Index(tmp_path)
    index.write_tree("data", f"{OID}.dir", Tree(listing, HashColumn.of(f"{n:032x}" for n in range(count))))
    tracemalloc.start()
    found = index.read_tree("data", f"{OID}.dir")
    assert found is not None and known_oids(listing, found, 4 * count).oids == found.oids
    pieces = sum(map(len, dir_object_pieces(found.listing.names, found.oids)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert pieces == 70 * count
    assert peak < 150 * count
