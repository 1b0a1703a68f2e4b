"""What of the artifacts is to be here."""

from __future__ import annotations

from array import array
from pathlib import Path

import pytest

from cpv_hooks.errors import CPVError
from cpv_hooks.project.fetch_choice import FetchChoice
from cpv_hooks.project.fetch_rule import FetchRule, parse_words
from cpv_hooks.system.columns import HashColumn, NameColumn
from cpv_hooks.system.signatures import FolderListing
from cpv_hooks.worktree.base_tree import Absent, Tree, decode, encode

OID = "0" * 32 + ".dir"


@pytest.mark.parametrize(
    ("words", "kind", "path", "part", "files"),
    [
        ("", "data", "data", "all", {"a": True}),
        ("all", "data", "data", "all", {"a": True}),
        ("none", "data", "data", "none", {"a": False}),
        ("model", "data", "data", "none", {"a": False}),
        ("model,data", "data", "data", "all", {"a": True}),
        ("data/one*", "data", "data", "some", {"one.npz": True, "two.npz": False}),
        ("./data/sub/", "data", "data", "some", {"sub/a": True, "a": False}),
        ("*.csv", "data", "data", "some", {"a.csv": True, "a.npz": False}),
        ("!data", "data", "data", "none", {"a": False}),
        ("!data/raw", "data", "data", "some", {"raw/a": False, "a": True}),
        ("data,!data/raw", "data", "data", "some", {"raw/a": False, "a": True}),
        ("dat", "data", "data", "none", {"a": False}),
        ("data/one.npz", "data", "database", "none", {"one.npz": False}),
        ("./model", "model", "weights", "none", {"a": False}),
        ("sets/[1]", "data", "sets/[1]", "all", {"a": True}),
    ],
)
def test_words(words: str, kind: str, path: str, part: str, files: dict[str, bool]) -> None:
    rule = parse_words(words.split(","), "here")
    assert rule.part_of([path], kind, isdir=True) == part
    assert {name: rule.names([f"{path}/{name}"], kind) for name in files} == files


@pytest.mark.parametrize("word", ["../x", "/x", "!", ".git/x", "a\0b", "x/../../y"])
def test_words_that_lead_out(word: str) -> None:
    with pytest.raises(CPVError, match="is outside the repository; fix: name artifacts"):
        parse_words([word], "here")


def test_paths_of_a_person_are_from_the_top_or_from_the_root() -> None:
    choice = FetchChoice("models/", (FetchRule(include=("models/sets/a", "sets/b")),))
    assert [choice.within("models/sets", "data", was_left_out=False)(name) for name in "abc"] == [True, True, False]
    team = choice._replace(of_person=False)
    assert [team.within("models/sets", "data", was_left_out=False)(name) for name in "abc"] == [False, True, False]


def test_what_was_left_out_waits_for_somebody_who_asks() -> None:
    everything = FetchChoice("", (FetchRule(),))
    assert everything.part_of("data", "data", isdir=True, was_left_out=True) == "none"
    assert everything._replace(asks=True).part_of("data", "data", isdir=True, was_left_out=True) == "all"
    named = everything._replace(asks=True, asked=FetchRule(include=("data/b",)))
    is_wanted = named.within("data", "data", was_left_out=True)
    assert [is_wanted(name) for name in "ab"] == [False, True]


@pytest.mark.parametrize(
    "absent", [Absent(), Absent({"ä": "1" * 32, "b\udcff": "2" * 32}, 7), Absent({"x": "3" * 32}, None)]
)
@pytest.mark.parametrize("names", [[], ["n", "o"]])
def test_the_base_of_a_folder_is_read_as_it_was_written(tmp_path: Path, absent: Absent, names: list[str]) -> None:
    listing = FolderListing(NameColumn.of(names), array("q", range(4 * len(names))))
    tree = Tree(listing, HashColumn.of(["4" * 32] * len(names)), absent)
    file = tmp_path / "tree"
    file.write_bytes(b"".join(encode(tree, OID)))
    with open(file, "rb") as stream:
        assert decode(stream, OID) == tree
    with open(file, "rb") as stream:
        assert decode(stream, "1" + OID[1:]) is None
