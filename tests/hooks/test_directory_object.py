from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpv_hooks.dvcformat.directory_object import (
    dir_object_bytes,
    dir_oid,
    entries_since,
    is_oid,
    parse_dir_object,
    read_dir_object,
)
from cpv_hooks.errors import CPVError
from support.shell import Shell

EMPTY = "d41d8cd98f00b204e9800998ecf8427e"


def test_bytes_and_name_are_those_of_dvc(shell: Shell) -> None:
    shell.git("init", "-q")
    shell.dvc("init", "-q")
    names = ["data/b.txt", "data/a b.txt", "data/sub/ü.bin", "data/a", "data/sub-x", "data/snow ☃", 'data/quo"te']
    for name in names:
        shell.write(name, name)
    shell.dvc("add", "-q", "data")
    oid = next(line.split()[-1] for line in shell.read("data.dvc").decode().splitlines() if ".dir" in line)
    path = shell.path / ".dvc/cache/files/md5" / oid[:2] / oid[2:]

    entries = [(name.removeprefix("data/"), hashlib.md5(name.encode()).hexdigest()) for name in names]
    assert dir_object_bytes(entries) == path.read_bytes()
    assert dir_oid(path.read_bytes()) == oid
    assert sorted(read_dir_object(path, oid)) == sorted(entries)


def test_an_empty_directory() -> None:
    assert dir_object_bytes([]) == b"[]"


def test_keys_of_other_versions_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "x.dir"
    path.write_text(json.dumps([{"md5": EMPTY, "relpath": "a", "size": 0, "isexec": True}]))
    assert read_dir_object(path) == [("a", EMPTY)]


def listing(*relpaths: str) -> str:
    return json.dumps([{"md5": EMPTY, "relpath": relpath} for relpath in relpaths])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("{}", "not a list of files"),
        ("[1]", "an entry without md5 and relpath"),
        ('[{"md5": "d41d8cd98f00b204e9800998ecf8427e"}]', "an entry without md5 and relpath"),
        ('[{"md5": "../../etc/passwd", "relpath": "a"}]', "'../../etc/passwd' is not an md5"),
        ('[{"md5": "d41d8cd98f00b204e9800998ecf8427e.dir", "relpath": "a"}]', "is not an md5"),
        ('[{"md5": "D41D8CD98F00B204E9800998ECF8427E", "relpath": "a"}]', "is not an md5"),
        (listing("../a"), "'../a' is not a path inside the directory"),
        (listing("a/../../b"), "is not a path inside the directory"),
        (listing("/etc/passwd"), "is not a path inside the directory"),
        (listing("a//b"), "is not a path inside the directory"),
        (listing("./a"), "is not a path inside the directory"),
        (listing(""), "is not a path inside the directory"),
        (listing("a/"), "is not a path inside the directory"),
        (listing("a\0b"), "is not a path inside the directory"),
        (listing(".git/config"), "is not a path inside the directory"),
        (listing("a/.GIT/hooks/post-checkout"), "is not a path inside the directory"),
        (listing("a/.git"), "is not a path inside the directory"),
        (listing(".hg/hgrc"), "is not a path inside the directory"),
        (listing(".dvc/config"), "is not a path inside the directory"),
        (listing("a", "b", "a"), "a path that is listed twice"),
        (listing("a/b", "a"), "'a' is both a file and a folder"),
        (listing("a/b/c/d", "a/b"), "'a/b' is both a file and a folder"),
    ],
)
def test_what_a_hostile_object_says_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "ab" / "cdef.dir"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(CPVError) as caught:
        read_dir_object(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith("directory object abcdef.dir is not usable: ")
    assert str(caught.value).endswith(f" ({path}); fix: ask whoever made it to push it again"), (
        "the remote has the same"
    )


def test_bytes_that_do_not_have_the_hash_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.dir"
    path.write_bytes(dir_object_bytes([("a", EMPTY)]))
    assert read_dir_object(path, dir_oid(path.read_bytes())) == [("a", EMPTY)]
    with pytest.raises(CPVError, match="its content does not have that hash"):
        read_dir_object(path, f"{EMPTY}.dir")


def test_object_ids() -> None:
    assert is_oid(EMPTY)
    assert is_oid(f"{EMPTY}.dir")
    assert not any(map(is_oid, ["", "..", EMPTY[:-1], EMPTY + "\n", EMPTY.upper(), f"{EMPTY}.dirx", "/" + EMPTY[1:]]))


# What is new in a directory

ODD = st.sampled_from(["a", "b/c", 'q"uote', "br}ace, {", '{"md5": ', "é", "]"])
NAMES = st.one_of(ODD, st.text("ab/{}", min_size=1))
LISTED = st.dictionaries(NAMES, st.sampled_from(["0" * 32, "1" * 32, "01" * 16, "f" * 32]), max_size=6)


@settings(max_examples=400, deadline=None)
@given(LISTED, LISTED, st.booleans())
def test_what_an_older_directory_lacks(old: dict[str, str], changes: dict[str, str], is_other: bool) -> None:
    new = changes if is_other else {**old, **changes}
    data, base = dir_object_bytes(new.items()), dir_object_bytes(old.items())
    try:
        whole = parse_dir_object(data, "x")
    except CPVError:
        return
    found = entries_since(data, base, "x")
    assert sorted(found) == sorted(set(whole) - set(old.items())) or not (new and old)
