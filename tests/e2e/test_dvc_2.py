"""A repository that DVC 2 made: text was hashed with Unix's line ends, so that a CRLF file's md5 is not its name."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.dvcformat.cache import Cache
from cpv_hooks.dvcformat.file_hash import legacy_md5
from support import dvc_2, repos, stand_in
from support.repos import SETTINGS, ModelRepo

NAMES = ("notes.txt", "data")
KINDS = SETTINGS + '[artifacts]\nmodel = ["notes.txt"]\ndata = ["data"]\n'


def contents(number: int) -> dict[str, bytes]:
    return {
        "notes.txt": b"version %d\r\nend\r\n" % number,
        "data/a.csv": b"a,b\r\n1,%d\r\n" % number,
        "data/same.csv": b"always\r\n",
        "data/b.bin": bytes(range(256)) * 4,
    }


def here(repo: ModelRepo) -> dict[str, bytes]:
    return {name: repo.read(name) for name in contents(1)}


@pytest.fixture(scope="session")
def _old(tmp_path_factory: pytest.TempPathFactory, _skeleton: Path) -> Path:
    folder = tmp_path_factory.mktemp("dvc-2")
    repo = repos.make(folder / "repo", _skeleton, remote="../../storage", settings=KINDS, install=False)
    repo.write(".gitignore", "/notes.txt\n/data\n")
    for number in (1, 2):
        for name, data in contents(number).items():
            repo.write(name, data)
        dvc_2.add(repo, *NAMES)
        repo.git("add", "-A")
        repo.git("commit", "-qm", f"version {number}")
        repo.git("tag", f"old{number}")
        repo.dvc("push", "-q")
    assert "up to date" in repo.dvc("status").text, "DVC reads it as its own"
    return folder


@pytest.fixture
def old(_old: Path, tmp_path: Path) -> ModelRepo:
    """`old1` and `old2`, as DVC 2 left them, cached and on the remote, with CPV's hooks installed since."""
    shutil.copytree(_old, tmp_path, dirs_exist_ok=True)
    repo = ModelRepo(tmp_path / "repo")
    stand_in.install(repo.path)
    return repo


def unchanged(repo: ModelRepo) -> None:
    assert repo.git("status", "--porcelain").text == ""
    assert "up to date" in repo.dvc("status").text


@pytest.mark.compatibility("DVC", "pointers of DVC 2")
def test_a_pointer_changes_with_its_artifact_and_not_with_the_tool(old: ModelRepo) -> None:
    unchanged(old)
    for number in (1, 2):
        assert "corrupt" not in old.git("checkout", "-q", f"old{number}").text
        assert here(old) == contents(number)
        unchanged(old)
    os.utime(old.path / "notes.txt")
    os.utime(old.path / "data/a.csv")
    unchanged(old)
    assert not (old.path / ".dvc/cache/files").exists(), "nothing is stored a second time"


@pytest.mark.compatibility("DVC", "pointers of DVC 2")
def test_what_a_clone_fetches_is_checked_by_the_same_rule(old: ModelRepo, tmp_path: Path) -> None:
    old.git("clone", "-q", str(old.path), str(tmp_path / "clone"))
    clone = ModelRepo(tmp_path / "clone")
    stand_in.install(clone.path)
    assert "corrupt" not in clone.cpv("sync").text
    assert here(clone) == contents(2)
    unchanged(clone)
    assert "nothing wrong" in clone.cpv("verify", "--all", "--deep").text
    clone.git("checkout", "-q", "old1")
    assert here(clone) == contents(1)


def test_new_content_gets_the_hash_of_today_and_the_remote_has_it_all(old: ModelRepo, tmp_path: Path) -> None:
    """Of a folder all files are named anew, for DVC looks for them all among the objects of today."""
    old.write("data/a.csv", b"new\r\n")
    old.write("notes.txt", b"new\r\n")
    old.git("commit", "-qam", "new")
    for name in NAMES:
        assert b"hash: md5" in old.read(f"{name}.dvc")
    assert hashlib.md5(b"new\r\n").hexdigest().encode() in old.read("notes.txt.dvc")
    unchanged(old)
    old.git("clone", "-q", str(old.path), str(tmp_path / "clone"))
    clone = ModelRepo(tmp_path / "clone")
    clone.dvc("pull", "-q")
    assert here(clone) == here(old) == contents(2) | {"data/a.csv": b"new\r\n", "notes.txt": b"new\r\n"}
    old.git("checkout", "-q", "old1")
    assert here(old) == contents(1)
    old.git("checkout", "-q", "-")
    assert here(old) == here(clone)


def test_one_name_can_mean_two_contents(old: ModelRepo) -> None:
    """The same text with Unix's line ends has, by the hash of today, the name that DVC 2 gave to the other."""
    cache = Cache(old.path / ".dvc/cache")
    unix = {name: data.replace(b"\r\n", b"\n") for name, data in contents(2).items() if b"\0" not in data}
    old.git("status")
    for name, data in unix.items():
        assert cache.add_file(old.write(name, data))[0] == dvc_2.hash_of(old, name)
    cache.add_file(old.path / "data/b.bin")
    oid = old.read("data.dvc").decode().split("md5: ")[1].split()[0]
    cache.add_bytes(oid, (cache.folder / oid[:2] / oid[2:]).read_bytes())
    for name in NAMES:
        old.write(f"{name}.dvc", old.read(f"{name}.dvc").replace(b"  path", b"  hash: md5\n  path"))
    assert "up to date" in old.dvc("status").text
    old.git("commit", "-qam", "unix")
    for _ in range(2):
        assert here(old) == contents(2) | unix
        unchanged(old)
        old.git("checkout", "-q", "old2")
        assert here(old) == contents(2)
        unchanged(old)
        old.git("checkout", "-q", "-")


def test_other_line_ends_are_other_content(old: ModelRepo) -> None:
    """DVC 2's hash does not see them; they are saved all the same, before anything takes their place."""
    old.git("status")
    old.write("notes.txt", contents(2)["notes.txt"].replace(b"\r\n", b"\n"))
    old.write("data/a.csv", contents(2)["data/a.csv"].replace(b"\r\n", b"\n"))
    mine = here(old)
    assert old.git("status", "--porcelain").text == " M data.dvc\n M notes.txt.dvc\n"
    old.git("commit", "-qam", "line ends")
    old.git("checkout", "-q", "old2")
    assert here(old) == contents(2)
    old.git("checkout", "-q", "-")
    assert here(old) == mine


@pytest.mark.parametrize("kind", ["copy", "hardlink", "symlink"])
def test_every_way_of_placing(old: ModelRepo, kind: str) -> None:
    old.dvc("config", "cache.type", kind)
    assert "corrupt" not in old.git("checkout", "-qf", "old1").text
    assert here(old) == contents(1)
    assert old.git("status", "--porcelain", "--", *(f"{name}.dvc" for name in NAMES)).text == ""


def test_objects_that_dvc_2_left_writable(old: ModelRepo) -> None:
    for path in (old.path / ".dvc/cache").glob("??/*"):
        path.chmod(0o644)
    old.write(".dvc/config", "")  # so that nothing can be fetched
    old.git("checkout", "-qf", "old1")
    assert here(old) == contents(1)


def test_a_bad_object_is_repaired_from_the_work_tree(old: ModelRepo) -> None:
    oid = dvc_2.hash_of(old, "data/a.csv")
    for store in (old.path / ".dvc/cache", old.path.parent / "storage"):
        path = store / oid[:2] / oid[2:]
        path.chmod(0o644)
        path.write_bytes(b"bad")
        path.chmod(0o444)
    assert oid in old.cpv("verify", status=1).text
    old.cpv("verify", "--deep", "--repair")
    assert (old.path / ".dvc/cache" / oid[:2] / oid[2:]).read_bytes() == contents(2)["data/a.csv"]
    assert "nothing wrong" in old.cpv("verify", "--deep").text


def test_no_advice_removes_an_object_before_a_good_copy_was_found(old: ModelRepo) -> None:
    """Neither a bad object nor a bad list of files: what is there may be all that is left."""
    old.git("status")
    old.write(".dvc/config", "")
    for path in (old.path / ".dvc/cache").glob("??/*"):
        path.chmod(0o644)
        path.write_bytes(path.read_bytes() + b" ")
        path.chmod(0o444)
    said = old.git("checkout", "-q", "old1", status=1).text
    assert "dvc cpv verify --all --repair && dvc cpv sync" in said
    assert "rm " not in said
    assert here(old) == contents(2)


def test_a_rescue_of_what_dvc_2_named(old: ModelRepo) -> None:
    old.git("status")
    # Git's history forgets it, so that it is unsaved when the pointer goes.
    old.write("notes.txt", b"mine\r\n")
    dvc_2.add(old, "notes.txt")
    old.cpv("sync")
    old.git("checkout", "-q", "--", "notes.txt.dvc")
    old.cpv("sync")
    assert here(old) == contents(2)
    old.cpv("rescue", "restore", "1")
    assert old.read("notes.txt") == b"mine\r\n"


def test_a_revert_and_an_upload_of_what_is_there(old: ModelRepo) -> None:
    old.cpv("model", "upload", "notes.txt")
    unchanged(old)
    assert b"hash" not in old.read("notes.txt.dvc")
    old.cpv("sync")
    assert "rescue" not in old.cpv("rescue", "list").text.replace("no rescue", "")
    old.git("commit", "--allow-empty", "-qm", "x")
    old.git("tag", "v9.0", "old1")
    old.cpv("model", "revert", "--tag", "v9.0")
    assert here(old)["notes.txt"] == contents(1)["notes.txt"]


def test_a_lock_that_dvc_2_wrote(old: ModelRepo) -> None:
    old.write("dvc.yaml", "stages:\n  make:\n    cmd: printf 'one\\r\\ntwo\\r\\n' > out.txt\n    outs: [out.txt]\n")
    old.dvc("repro", "-q")
    lock, oid = old.read("dvc.lock").decode(), dvc_2.hash_of(old, "out.txt")
    new = hashlib.md5(old.read("out.txt")).hexdigest()
    old.write("dvc.lock", lock.replace("      hash: md5\n", "").replace(new, oid))
    dvc_2.put(old, oid, old.read("out.txt"))
    shutil.rmtree(old.path / ".dvc/cache/files")
    assert "up to date" in old.dvc("status").text, "DVC reads it so too"
    old.git("add", "-A")
    old.git("commit", "-qm", "pipeline")
    (old.path / "out.txt").unlink()
    old.git("checkout", "-q", "old1")
    assert "corrupt" not in old.git("checkout", "-q", "-").text
    assert old.read("out.txt") == b"one\r\ntwo\r\n"


def test_an_object_of_dvc_2_is_none_for_a_pointer_of_today(make_repo: MakeRepo) -> None:
    repo = make_repo(install=False, files={"x": b"x"})
    name = hashlib.md5(b"a\nb\n").hexdigest()
    dvc_2.put(repo, name, b"a\r\nb\r\n")
    cache = Cache(repo.path / ".dvc/cache")
    assert cache.find(name) is None
    assert cache.by(legacy=True).verified(name)
    assert cache.by(legacy=True).by(legacy=False) is not cache.by(legacy=True)


def test_the_hash_is_that_of_dvc(tmp_path: Path) -> None:
    """Text and binary files, of several chunks, and such whose kind is not the same in each."""
    from dvc_data.hashfile.hash import file_md5

    chance = random.Random(2)
    lines = b"".join(b"line %d\r\n" % number for number in range(200_000))
    samples = [b"", b"\r\n", b"a\r\n\0", b"\xff" * 200 + b"\r\n" * 200, b"\xff" * 150 + b"a\r\n" * 200, lines]
    samples += [b"\0" * (1 << 20) + lines, lines[: 1 << 20] + b"\0" * 600 + b"\r\n", chance.randbytes(3000)]
    samples += [bytes(chance.choices(b"ab\r\n\xff", weights=(5, 5, 3, 3, 4), k=700)) for _ in range(50)]
    path = tmp_path / "sample"
    for data in samples:
        path.write_bytes(data)
        assert legacy_md5(path) == file_md5(str(path), name="md5-dos2unix"), data[:80]


def with_unix_ends(repo: ModelRepo) -> dict[str, bytes]:
    """The same text with line ends that DVC 2's hash does not tell apart; what the files were is handed back."""
    before = here(repo)
    for name in ("notes.txt", "data/a.csv", "data/same.csv"):
        repo.write(name, before[name].replace(b"\r\n", b"\n"))
    return before


def test_equal_hashes_by_different_rules_are_a_change(old: ModelRepo) -> None:
    old.git("tag", "v0.0")
    with_unix_ends(old)
    old.git("commit", "-qam", "line ends")
    pointer = old.read("notes.txt.dvc")
    assert dvc_2.hash_of(old, "notes.txt").encode() in pointer
    assert b"hash: md5" in pointer
    found = {item["path"]: item for item in json.loads(old.cpv("diff", "old2", "HEAD", "--json").out)["artifacts"]}
    assert found["notes.txt"]["md5_before"] == found["notes.txt"]["md5_after"]
    assert [found[name][f"hash_{side}"] for name in NAMES for side in ("before", "after")] == [
        "md5-dos2unix",
        "md5",
    ] * 2
    assert {"a.csv", "same.csv"} <= {file["path"] for file in found["data"]["files"]}
    assert "(md5-dos2unix -> md5)" in old.cpv("diff", "old2").out
    newest = json.loads(old.cpv("log", "--json").out)[0]
    assert (newest["before"], newest["changed"]) == ("v0.0", ["model"])
    assert old.cpv("diff", "HEAD").out.startswith("no difference")


def test_what_a_hash_of_dvc_2_does_not_tell_apart_is_kept_when_it_is_replaced(old: ModelRepo) -> None:
    old.git("status")
    before = with_unix_ends(old)
    mine = here(old)
    old.git("status")
    assert b"hash: md5" in old.read("notes.txt.dvc")
    old.git("checkout", "-qf", "HEAD")
    assert here(old) == before
    rescued = json.loads(old.cpv("rescue", "list", "--json").out)
    assert {one["path"] for one in rescued} == set(NAMES)
    for one in rescued:
        old.cpv("rescue", "restore", str(one["number"]))
    assert here(old) == mine


def test_what_a_commit_has_by_either_rule_is_no_rescue(old: ModelRepo) -> None:
    """Git's search for a hash sees no commit in which its rule alone changed."""
    with_unix_ends(old)
    mine = here(old)
    old.git("commit", "-qam", "line ends")
    old.git("tag", "unix")
    old.git("checkout", "-q", "old2", "--", "notes.txt.dvc", "data.dvc")
    old.git("commit", "-qm", "as it was")
    old.git("checkout", "-q", "old1", "--", "notes.txt.dvc", "data.dvc")
    old.git("commit", "-qm", "older")
    old.git("commit", "-q", "--allow-empty", "-m", "empty")
    old.git("checkout", "-q", "unix", "--", "notes.txt.dvc", "data.dvc")
    assert here(old) == mine
    old.git("checkout", "-qf", "HEAD")
    assert here(old) == contents(1)
    assert old.cpv("rescue", "list").out == ""
