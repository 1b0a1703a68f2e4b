"""Materialise: what a pointer names into the work tree, complete or not at all, and never outside it."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.dvcformat.directory_object import dir_object_bytes, dir_oid
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.worktree.materialise import needed_objects, place_directory, place_file
from cpv_hooks.worktree.workspace import MissingFromCache, Workspace
from support import engine
from support.repos import ModelRepo

FILES = {"model.bin": b"one", "data/a": b"1", "data/sub/b": b"2", "data/sub/deep/c": b"3"}


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    return make_repo(install=False, files=FILES)


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def folder(space: Workspace, files: dict[str, bytes]) -> Pointer:
    """The pointer of a directory with these files, which are in the cache."""
    for data in files.values():
        space.cache.add_bytes(md5(data), data)
    listing = dir_object_bytes([(name, md5(data)) for name, data in files.items()])
    space.cache.add_bytes(dir_oid(listing), listing)
    return Pointer("data.dvc", "data", dir_oid(listing))


def current(repo: ModelRepo) -> dict[str, str]:
    return repo.tree("data")


def leftovers(repo: ModelRepo) -> list[str]:
    return [path.name for path in repo.path.rglob("*") if path.name.endswith(".cpv-tmp")]


def test_a_file_is_replaced_in_one_step(repo: ModelRepo) -> None:
    space = engine.workspace(repo)
    space.cache.add_bytes(md5(b"two"), b"two")
    reader = (repo.path / "model.bin").open("rb")
    with reader:
        placed = place_file(space, Pointer("model.bin.dvc", "model.bin", md5(b"two")))
        assert reader.read() == b"one", "who has the old file open keeps it"
    assert repo.read("model.bin") == b"two"
    assert placed.entry.oid == md5(b"two")
    assert placed.entry.signature is not None
    assert max(placed.entry.signature[1:3]) < placed.entry.checked, "the base is not racy"
    assert leftovers(repo) == []


@pytest.mark.parametrize("isexec", [True, False])
def test_executable_bits(repo: ModelRepo, isexec: bool) -> None:
    space = engine.workspace(repo)
    (repo.path / "model.bin").chmod(0o644 if isexec else 0o755)
    place_file(space, Pointer("model.bin.dvc", "model.bin", md5(b"one"), isexec=isexec))
    mode = stat.S_IMODE((repo.path / "model.bin").stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    assert mode == (0o777 if isexec else 0o666) & ~mask


@pytest.mark.parametrize("kind", ["copy", "hardlink", "symlink", "reflink,copy", "reflink,hardlink,copy"])
def test_links_are_those_that_dvc_makes(repo: ModelRepo, kind: str) -> None:
    repo.dvc("config", "cache.type", kind)
    repo.run("rm", "-r", "model.bin", "data")
    space = engine.workspace(repo)
    place_file(space, engine.pointer(repo, "model.bin"))
    place_directory(space, engine.pointer(repo, "data"), {})
    ours = {name: shape(repo, name) for name in FILES}
    repo.run("rm", "-r", "model.bin", "data")
    repo.dvc("checkout", "-q")
    assert {name: shape(repo, name) for name in FILES} == ours
    assert {name: repo.read(name) for name in FILES} == FILES


def shape(repo: ModelRepo, name: str) -> tuple[bool, int, bool]:
    """Whether it is a link, its permissions for the owner, and whether it is the cache's own file."""
    path = repo.path / name
    oid = md5(FILES[name])
    own = path.stat().st_ino == (repo.path / ".dvc/cache/files/md5" / oid[:2] / oid[2:]).stat().st_ino
    return path.is_symlink(), stat.S_IMODE(path.stat().st_mode) & 0o300, own


def test_only_files_that_differ_are_touched(repo: ModelRepo) -> None:
    space = engine.workspace(repo)
    before = {name: (repo.path / "data" / name).stat() for name in current(repo)}
    place_directory(space, folder(space, {"a": b"1", "sub/b": b"new", "fresh": b"4"}), current(repo))
    assert {name: repo.read(f"data/{name}") for name in current(repo)} == {"a": b"1", "sub/b": b"new", "fresh": b"4"}
    assert (repo.path / "data/a").stat() == before["a"] or (
        (repo.path / "data/a").stat().st_ctime_ns == before["a"].st_ctime_ns
    )
    assert not (repo.path / "data/sub/deep").exists(), "folders that are left empty go"
    assert leftovers(repo) == []


def test_an_absent_directory_appears_in_one_step(repo: ModelRepo) -> None:
    space = engine.workspace(repo)
    repo.run("rm", "-r", "data")
    files = {f"{number % 3}/{number}": str(number).encode() for number in range(20)}
    pointer, seen = folder(space, files), []
    space.advance = lambda _: seen.append((repo.path / "data").exists())
    place_directory(space, pointer, {})
    assert seen
    assert not any(seen), "nobody sees half of it"
    assert current(repo) == {name: md5(data) for name, data in files.items()}
    assert leftovers(repo) == []


def test_what_appears_in_a_directory_s_place_meanwhile_stays(repo: ModelRepo) -> None:
    space = engine.workspace(repo)
    repo.run("rm", "-r", "data")
    pointer = folder(space, {"a": b"1", "sub/b": b"2"})
    space.advance = lambda _: repo.write("data/mine", b"mine") and None
    place_directory(space, pointer, {})
    assert current(repo) == {"a": md5(b"1"), "sub/b": md5(b"2"), "mine": md5(b"mine")}
    assert leftovers(repo) == []


def test_what_was_a_file_becomes_a_folder_and_back(repo: ModelRepo) -> None:
    space = engine.workspace(repo)
    place_directory(space, folder(space, {"a/inner": b"x", "sub": b"y"}), current(repo))
    assert {name: repo.read(f"data/{name}") for name in current(repo)} == {"a/inner": b"x", "sub": b"y"}
    place_directory(space, folder(space, {"a": b"1", "sub/deep/c": b"3"}), current(repo))
    assert {name: repo.read(f"data/{name}") for name in current(repo)} == {"a": b"1", "sub/deep/c": b"3"}


def test_a_folder_with_unknown_files_is_not_swept_away_for_a_file(repo: ModelRepo) -> None:
    space = engine.workspace(repo)
    (repo.path / "model.bin").unlink()
    repo.write("model.bin/precious", b"mine")
    with pytest.raises(CPVError, match="files that CPV does not know"):
        place_file(space, Pointer("model.bin.dvc", "model.bin", md5(b"one")))
    assert repo.read("model.bin/precious") == b"mine"
    assert leftovers(repo) == []


def test_an_empty_folder_makes_way_for_a_file(repo: ModelRepo) -> None:
    space = engine.workspace(repo)
    (repo.path / "model.bin").unlink()
    (repo.path / "model.bin/empty/folders").mkdir(parents=True)
    place_file(space, Pointer("model.bin.dvc", "model.bin", md5(b"one")))
    assert repo.read("model.bin") == b"one"


def test_odd_names(repo: ModelRepo) -> None:
    space = engine.workspace(repo)
    files = {
        name: name.encode() for name in ["with space", "ü", "new\nline", "'quote\"", "-rf", "$(touch x)", "a" * 200]
    }
    place_directory(space, folder(space, files), current(repo))
    assert {name: repo.read(f"data/{name}") for name in current(repo)} == files


def test_an_empty_directory(repo: ModelRepo) -> None:
    space = engine.workspace(repo)
    place_directory(space, folder(space, {}), current(repo))
    assert list((repo.path / "data").iterdir()) == []


# What cannot come


def test_a_missing_file_is_named_before_anything_is_touched(repo: ModelRepo) -> None:
    space = engine.workspace(repo)
    before = current(repo)
    lost = folder(space, {"a": b"new", "lost": b"lost"})
    space.cache.path(md5(b"lost")).unlink()
    with pytest.raises(MissingFromCache) as caught:
        place_directory(space, lost, before)
    assert caught.value.oids == [md5(b"lost")]
    assert str(caught.value) == f"data: the cache lacks object {md5(b'lost')}; fix: dvc cpv sync"
    assert current(repo) == before
    space.cache.path(md5(b"new")).unlink()
    with pytest.raises(MissingFromCache, match=r"the cache lacks 2 objects, e\.g\. "):
        place_directory(space, lost, before)


def test_a_missing_directory_object(repo: ModelRepo) -> None:
    space = engine.workspace(repo)
    with pytest.raises(MissingFromCache) as caught:
        needed_objects(Pointer("data.dvc", "data", f"{'0' * 32}.dir"), space.cache)
    assert caught.value.oids == [f"{'0' * 32}.dir"]
    with pytest.raises(MissingFromCache):
        place_file(space, Pointer("model.bin.dvc", "model.bin", "0" * 32))
    assert repo.read("model.bin") == b"one"


@pytest.mark.parametrize(
    ("damaged", "kind"), [(b"XXX", ""), (b"", ""), (b"two and more", ""), (b"XXX", "hardlink"), (b"XXX", "symlink")]
)
def test_a_corrupt_object_is_never_placed(repo: ModelRepo, damaged: bytes, kind: str) -> None:
    if kind:
        repo.dvc("config", "cache.type", kind)
    space = engine.workspace(repo)
    space.cache.add_bytes(md5(b"two"), b"two")
    path = space.cache.path(md5(b"two"))
    path.chmod(0o644)
    path.write_bytes(damaged)
    path.chmod(0o444)
    with pytest.raises(CPVError, match=md5(b"two")):
        place_file(space, Pointer("model.bin.dvc", "model.bin", md5(b"two")))
    assert repo.read("model.bin") == b"one"
    assert leftovers(repo) == []


# What a repository of somebody else says


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    path = tmp_path / "outside/deep/secret"
    path.parent.mkdir(parents=True)
    path.write_text("not yours")
    return tmp_path / "outside"


def untouched(outside: Path) -> None:
    assert {path.name for path in outside.rglob("*")} == {"deep", "secret"}
    assert (outside / "deep/secret").read_text() == "not yours"


@pytest.mark.parametrize(
    "name",
    ["../../outside/deep/secret", "/etc/cpv-test", "a/../../../outside/x", ".git/config", "x/.dvc/config", "", "."],
)
def test_a_directory_object_with_a_path_that_leads_out(repo: ModelRepo, outside: Path, name: str) -> None:
    space = engine.workspace(repo)
    before = current(repo)
    data = json.dumps([{"md5": md5(b"one"), "relpath": "fine"}, {"md5": md5(b"one"), "relpath": name}]).encode()
    space.cache.add_bytes(dir_oid(data), data)
    with pytest.raises(CPVError, match="is not a path inside the directory"):
        place_directory(space, Pointer("data.dvc", "data", dir_oid(data)), before)
    assert current(repo) == before
    untouched(outside)


@pytest.mark.parametrize("name", ["link/x", "link/deep/secret", "link/deep/new", "link/new/er/file"])
def test_links_inside_a_directory_are_replaced_and_never_followed(repo: ModelRepo, outside: Path, name: str) -> None:
    space = engine.workspace(repo)
    (repo.path / "data/link").symlink_to(outside)
    place_directory(space, folder(space, {name: b"evil"}), current(repo))
    untouched(outside)
    assert not (repo.path / "data/link").is_symlink()
    assert repo.read(f"data/{name}") == b"evil"


def test_a_link_in_a_file_s_place_is_replaced_and_never_written_through(repo: ModelRepo, outside: Path) -> None:
    space = engine.workspace(repo)
    (repo.path / "data/a").unlink()
    (repo.path / "data/a").symlink_to(outside / "deep/secret")
    place_directory(space, folder(space, {"a": b"evil"}), {})
    assert repo.read("data/a") == b"evil"
    assert not (repo.path / "data/a").is_symlink()
    untouched(outside)


def test_what_goes_is_never_removed_behind_a_link(repo: ModelRepo, outside: Path) -> None:
    space = engine.workspace(repo)
    before = current(repo) | {"link/deep/secret": md5(b"not yours")}
    (repo.path / "data/link").symlink_to(outside)
    place_directory(space, folder(space, {"a": b"1"}), before)
    untouched(outside)


def test_an_artifact_in_a_folder_that_is_a_link(repo: ModelRepo, outside: Path) -> None:
    space = engine.workspace(repo)
    (repo.path / "models").symlink_to(outside)
    with pytest.raises(CPVError, match=r"^models/net\.bin: lies behind models, which is a symbolic link to "):
        place_file(space, Pointer("models/net.bin.dvc", "models/net.bin", md5(b"one")))
    untouched(outside)


def test_no_link_type_that_works(repo: ModelRepo) -> None:
    repo.dvc("config", "cache.type", "reflink")
    space = engine.workspace(repo)
    space.cache.add_bytes(md5(b"two"), b"two")
    if supports_reflink(repo):
        place_file(space, Pointer("model.bin.dvc", "model.bin", md5(b"two")))
        assert repo.read("model.bin") == b"two"
    else:
        with pytest.raises(
            CPVError, match=r"none of cache\.type = reflink works here.*dvc config cache\.type reflink,copy"
        ):
            place_file(space, Pointer("model.bin.dvc", "model.bin", md5(b"two")))
        assert repo.read("model.bin") == b"one"
    assert leftovers(repo) == []


def supports_reflink(repo: ModelRepo) -> bool:
    return repo.run("cp", "--reflink=always", "model.bin", "clone.bin", status=None).status == 0


def test_other_directories_are_not_in_the_way(repo: ModelRepo) -> None:
    """A directory that an artifact of another version needs may be there, empty or not."""
    space = engine.workspace(repo)
    wanted = folder(space, {"x": b"1"})._replace(file="new/data.dvc", path="new/data")
    place_directory(space, wanted, {})
    assert repo.read("new/data/x") == b"1"
