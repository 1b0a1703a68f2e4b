"""What versions say is kept for the next process, and is right or is read again."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cpv_hooks import state_files
from cpv_hooks.git.repo import Repo
from cpv_hooks.history import kept_ahead, kept_facts, reader
from cpv_hooks.project.project import Project
from support import two_versions
from support.repos import ModelRepo
from support.shell import Shell

STORED = """outs:
- md5: {0}.dir
  size: 1
  nfiles: 1
  hash: md5
  path: kept
  files:
  - relpath: a
    md5: {0}
    size: 1
    cloud:
      storage:
        etag: {0}
        version_id: v1
"""
READ = """
from cpv_hooks.git.repo import Repo
from cpv_hooks.history import reader
from cpv_hooks.project.project import Project
reader.FEW = 0
repo = Repo.discover()
for _ in range(8):
    found = reader.read_history(repo, Project.find_all(repo))
    reader.look_ahead(found)
    assert [(one.name, len(one.artifacts)) for one in found] == [("v0.0", 2), ("v0.1", 2), ("v0.2", 2)], found
    (repo.shared / "history").unlink(missing_ok=True)
"""


MANY = 110
"""Tags, of which each stands for a version."""


def add_versions(model: ModelRepo, count: int) -> None:
    """Annotated tags of HEAD, each an object of its own."""
    head = model.git("rev-parse", "HEAD").out.strip()
    tags = (
        f"tag v1.{number}\nfrom {head}\ntagger A <a@b.c> 1 +0000\ndata <<end\n{number}\nend\n"
        for number in range(10, 10 + count)
    )
    model.git("fast-import", "--quiet", input="".join(tags))


@pytest.fixture(autouse=True)
def _a_long_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of more than a hundred versions."""
    monkeypatch.setattr(reader, "FEW", 0)


@pytest.fixture
def model(tmp_path: Path) -> ModelRepo:
    repo = two_versions.copy(tmp_path)
    repo.git("tag", "-m", 'v0.2: third\n\nCpv-Line: model\nCpv-Metric: loss=0.5\nCpv-Metric: "a b"="x"', "v0.2")
    return repo


def said(shell: Shell) -> dict[str, tuple[object, ...]]:
    repo = Repo.discover(shell.path)
    found = reader.read_history(repo, Project.find_all(repo))
    reader.look_ahead(found)
    return {
        one.name: (one.commit, one.time, one.author, one.message, one.metrics, one.artifacts, one.error)
        for one in found
    }


def kept(shell: Shell) -> Path:
    return shell.path / ".git" / state_files.FOLDER / state_files.HISTORY


def without_objects(shell: Shell) -> None:
    """Nothing can be read of Git's any more; ids of tags are in refs."""
    for place in (shell.path / ".git/objects").iterdir():
        shutil.rmtree(place)


def test_nothing_is_read_twice(model: ModelRepo) -> None:
    first = said(model)
    assert first["v0.2"][3:5] == ("v0.2: third", {"loss": 0.5, "a b": "x"})
    assert len(first["v0.0"][5]) == 2
    without_objects(model)
    assert said(model) == first


def test_new_moved_and_deleted_tags_are_seen(model: ModelRepo) -> None:
    said(model)
    two_versions.save(model, {"model.bin": b"a third model"}, "the third")
    model.git("tag", "-f", "v0.1")
    model.git("tag", "v0.3", "-m", "v0.3: fourth")
    model.git("tag", "-d", "v0.2")
    changed = said(model)
    kept(model).unlink()
    assert said(model) == changed
    assert list(changed) == ["v0.0", "v0.1", "v0.3"]
    assert (changed["v0.1"][3], changed["v0.3"][3]) == ("the third", "v0.3: fourth")
    assert b"v0.2: third" not in kept(model).read_bytes(), "it does not grow with tags that are gone"


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    return data.replace(b"v0.2: third", b"v0.2: thirf")


def older(data: bytes) -> bytes:
    return data.replace(b"cpv-history ", b"cpv-history 0")


@pytest.mark.parametrize("damage", [cut, flipped, older, lambda data: b""])
def test_what_is_damaged_or_of_another_cpv_is_read_again(model: ModelRepo, damage: Callable[[bytes], bytes]) -> None:
    first, whole = said(model), kept(model).read_bytes()
    damaged = damage(whole)
    assert damaged != whole
    kept(model).write_bytes(damaged)
    assert said(model) == first
    assert kept(model).read_bytes() == whole


def test_neither_a_link_nor_a_folder_in_its_place_is_a_failure(model: ModelRepo) -> None:
    first = said(model)
    elsewhere = model.path.parent / "elsewhere"
    kept(model).rename(elsewhere)
    elsewhere.write_bytes(flipped(elsewhere.read_bytes()))
    before = elsewhere.read_bytes()
    kept(model).symlink_to(elsewhere)
    assert said(model) == first
    assert elsewhere.read_bytes() == before
    kept(model).unlink()
    kept(model).mkdir()
    assert said(model) == first


def test_replaced_objects_are_never_taken_from_it(model: ModelRepo) -> None:
    first = said(model)
    copy = Shell(
        shutil.copytree(model.path, model.path.with_name("copy"))
    )  # Git's process of the first saw no such ref
    copy.git("replace", "v0.0", "v0.1")
    assert said(copy)["v0.0"][5] == first["v0.1"][5] != first["v0.0"][5]


def test_neither_lists_of_files_nor_more_than_its_limit_are_kept(
    model: ModelRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.write("kept.dvc", STORED.format("c" * 32))
    model.git("add", "-A")
    model.commit("with the places of files")
    model.git("tag", "v0.3")
    first = said(model)
    assert b'"kept.dvc"' not in kept(model).read_bytes()
    assert said(model) == first
    kept(model).unlink()
    monkeypatch.setattr(kept_facts, "_MOST", 100)
    assert said(model) == first
    assert not kept(model).exists()


def test_a_short_history_needs_no_file(model: ModelRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "FEW", 100)
    said(model)
    assert not kept(model).exists()


def test_processes_may_write_it_at_the_same_time(model: ModelRepo) -> None:
    readers = [subprocess.Popen([sys.executable, "-c", READ], cwd=model.path) for _ in range(3)]
    assert [process.wait() for process in readers] == [0, 0, 0]
    said(model)
    without_objects(model)
    assert list(said(model)) == ["v0.0", "v0.1", "v0.2"]


def test_installing_in_a_clone_reads_a_long_history_ahead_of_the_first_question(tmp_path: Path) -> None:
    model = two_versions.copy(tmp_path)
    add_versions(model, MANY)
    model.cpv("install", "--no-fetch")
    repo = Repo.discover(model.path)
    oids = model.git("for-each-ref", "--format=%(objectname)", "refs/tags/v1.*").out.split()
    deadline = time.monotonic() + 60
    while not all(map(kept_facts.KeptFacts(repo, oids).version, oids)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(("versions", "is_read", "starts"), [(MANY, False, 1), (MANY, True, 0), (90, False, 0)])
def test_a_short_history_or_one_that_was_read_is_left_alone(
    tmp_path: Path, versions: int, is_read: bool, starts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = two_versions.copy(tmp_path)
    add_versions(model, versions)
    repo = Repo.discover(model.path)
    if is_read:
        repo.shared.mkdir(exist_ok=True)
        (repo.shared / state_files.HISTORY).touch()
    started = list[object]()
    monkeypatch.setattr(kept_ahead, "spawn", lambda *words: started.append(words))
    kept_ahead.keep_ahead(repo)
    assert len(started) == starts
