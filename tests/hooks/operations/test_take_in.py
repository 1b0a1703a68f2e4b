"""Files on their way into the cache, read once: nothing of them is there before who asks knows what it is."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.operations.make.place_content import take_in_files
from cpv_hooks.project.project import Project
from cpv_hooks.transfer.objects.store import Store
from cpv_hooks.worktree.known_files import BeingWritten
from cpv_hooks.worktree.workspace import Workspace

LARGE = os.urandom(2 << 20)
FILES = {"large.bin": LARGE, "again.bin": LARGE, "deep/small.bin": b"small"}
OIDS = {hashlib.md5(data, usedforsecurity=False).hexdigest() for data in FILES.values()}


@pytest.fixture
def space(make_repo: MakeRepo) -> Workspace:
    repo = make_repo(install=False, files={"model.bin": "first"})
    return Workspace.open(Project.find_all(Repo.discover(repo.path))[0])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name, data in FILES.items():
        (tmp_path / "saved" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "saved" / name).write_bytes(data)
    return tmp_path / "saved"


def there(space: Workspace) -> set[str]:
    """The objects of the cache, and what else lies in it."""
    folder = space.project.cache_dir
    found = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    return {"".join(path.parts[-2:]) if path.parts[0] == "files" else str(path) for path in found}


def test_who_asks_is_told_of_all_before_any_is_there(space: Workspace, source: Path) -> None:
    told: list[tuple[set[str], set[str]]] = []
    before = there(space)
    found = take_in_files(space, source, "model", lambda oids: told.append((set(oids), OIDS & there(space))))
    assert told == [(OIDS, set())]
    assert there(space) == before | OIDS  # and no directory object: others may have parts of the folder
    assert sorted(name for name, _, _ in found.files()) == sorted(FILES)
    assert all(space.cache.verified(oid) for oid in OIDS)


def test_what_is_not_wanted_after_all_leaves_nothing(space: Workspace, source: Path) -> None:
    before = there(space)

    def full(_: Collection[str]) -> None:
        raise CPVError("no space left")

    with pytest.raises(CPVError, match="no space left"):
        take_in_files(space, source, "model", full)
    assert there(space) == before


def test_a_link_in_it_is_refused_and_leaves_nothing(space: Workspace, source: Path) -> None:
    before = there(space)
    (source / "deep/link").symlink_to("small.bin")
    with pytest.raises(CPVError, match="a symbolic link"):
        take_in_files(space, source, "model", lambda _: None)
    assert there(space) == before


def test_what_is_written_to_meanwhile_is_not_taken(
    space: Workspace, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, take = there(space), space.cache.take

    def write_again(file: str | Path, *more: object) -> object:
        found = take(file)
        with open(file, "r+b") as stream:
            stream.write(b"x")
        return found

    monkeypatch.setattr(space.cache, "take", write_again)
    with pytest.raises(BeingWritten):
        take_in_files(space, source, "model", lambda _: None)
    assert there(space) == before


def test_what_is_written_to_once_it_was_read_is_not_taken_either(space: Workspace, source: Path) -> None:
    before = there(space)

    def write(_: Collection[str]) -> None:
        (source / "deep/small.bin").write_bytes(b"smaller")

    with pytest.raises(BeingWritten):
        take_in_files(space, source, "model", write)
    assert there(space) == before


def test_what_was_just_hashed_need_not_be_hashed_again_as_it_is_sent(space: Workspace, source: Path) -> None:
    take_in_files(space, source, "model", lambda _: None)
    large = hashlib.md5(LARGE, usedforsecurity=False).hexdigest()
    hashed = {large: space.index.objects[large]}
    known = Store(space.project, hashed=hashed).blob(large)
    unknown = Store(space.project).blob(large)
    assert known and unknown and (known.known, unknown.known) == (True, False)
    os.utime(space.cache.path(large))
    touched = Store(space.project, hashed=hashed).blob(large)
    assert touched and not touched.known
