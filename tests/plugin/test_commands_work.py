"""`dvc cpv install`, `uninstall`, `sync`, `rescue` and `recover` as a person types them."""

from __future__ import annotations

import json
import shutil

import pytest
from conftest import MakeRepo

from support.repos import ModelRepo
from support.shell import Shell


@pytest.fixture
def model(make_repo: MakeRepo) -> ModelRepo:
    return make_repo(files={"model.bin": "one", "data/a": "1"})


def test_outside_of_a_repository(shell: Shell) -> None:
    for command in (("install",), ("uninstall",), ("sync",), ("rescue", "list"), ("recover",)):
        done = shell.cpv(*command, status=1)
        assert done.err == (
            f"cpv: {shell.path}: not inside a Git work tree; "
            "fix: cd to a repository (git clone or dvc cpv init makes one)\n"
        )
        assert done.out == ""


def test_in_a_repository_without_cpv(shell: Shell) -> None:
    shell.git("init", "-q")
    what = f"cpv: {shell.path}: CPV does not manage this repository (no .cpv.toml); fix: dvc cpv init\n"
    assert shell.cpv("sync", status=1).err == what
    assert shell.cpv("install").err == (
        f"cpv: hooks installed in {shell.path}/.git/hooks\n"
        "cpv: no DVC root with a .cpv.toml here yet: dvc cpv init makes one\n"
    )
    assert shell.cpv("uninstall").err == f"cpv: hooks removed from {shell.path}/.git/hooks\n"
    assert shell.cpv("uninstall").err == "cpv: CPV is not installed in this repository\n"


def test_install_brings_the_artifacts_of_a_clone(model: ModelRepo) -> None:
    model.git("clone", "-q", ".", "../clone")
    clone = Shell(model.path.parent / "clone")
    clone.cpv("install", "--no-fetch", status=0)
    assert not (clone.path / "model.bin").exists()
    said = clone.cpv("install").err.splitlines()
    assert said[-1] == "cpv: updated data, model.bin"
    assert clone.read("model.bin") == b"one"


def test_sync_saves_and_says_what_is_next(model: ModelRepo) -> None:
    model.write("model.bin", "two")
    assert model.cpv("sync").err == "cpv: saved model.bin; run `git commit` to create a checkpoint\n"
    assert model.cpv("sync").err == ""
    assert model.git("status", "--porcelain").lines == [" M model.bin.dvc"]


def test_sync_names_what_nobody_has(model: ModelRepo) -> None:
    shutil.rmtree(model.path / ".dvc/cache")
    shutil.rmtree(model.path.parent / "storage")
    (model.path / "model.bin").unlink()
    said = model.cpv("sync", status=1).err
    lost = "neither the cache nor the remote has object f97c5d29941bfb1b2fdab0874906ab82"
    assert f"model.bin: {lost}; fix: dvc push in a clone that still has it, then dvc cpv sync" in said


def test_rescue_lists_and_restores(model: ModelRepo) -> None:
    model.git("config", "core.fsmonitor", "false")
    model.write("model.bin", "two")
    model.git("commit", "-qam", "two", "--no-verify", "--allow-empty")
    model.cpv("sync")
    model.git("commit", "-qam", "two", "--no-verify")
    model.write("model.bin", "unsaved")
    said = model.git("checkout", "-q", "v0.0").err
    assert "model.bin: had unsaved content, which is kept as rescue 1; fix: dvc cpv rescue restore 1" in said
    (row,) = model.cpv("rescue", "list").lines
    assert row.split("\t")[0] == "1"
    assert row.split("\t")[2:4] == ["7 B", "model.bin"]
    (listed,) = json.loads(model.cpv("rescue", "list", "--json").out)
    assert (listed["number"], listed["path"], listed["size"]) == (1, "model.bin", 7)
    place = model.path / "old.bin"
    assert model.cpv("rescue", "restore", "1", "-o", "old.bin").err == f"cpv: rescue 1 is back at {place}\n"
    assert place.read_text() == "unsaved"
    done = model.cpv("rescue", "restore", "1", "-o", "old.bin", status=1)
    assert done.err == f"cpv: {place}: exists already; fix: name another --output\n"
    model.cpv("rescue", "restore", "1")
    assert model.read("model.bin") == b"unsaved"
    missing = f"cpv: {model.path}: there is no rescue 9; fix: dvc cpv rescue list\n"
    assert model.cpv("rescue", "restore", "9", status=1).err == missing


def test_recover(model: ModelRepo) -> None:
    assert model.cpv("recover").err == "cpv: nothing was left half-done\n"
    head = model.git("symbolic-ref", "HEAD").out.strip()
    model.write(".git/cpv/detour", f"ref: {head}\n{2**22 + 1}\n")
    model.write(".git/HEAD", "ref: refs/worktree/cpv/pending\n")
    assert model.cpv("recover").err == "cpv: the branch is HEAD again\n"
    assert model.git("symbolic-ref", "HEAD").out.strip() == head
