"""`git submodule deinit` removes a submodule's folder with what is ignored in it; the cache outlives that."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from e2e.conftest import Tell
from e2e.story import DVC_CONFIG, Story, install_hooks, md5
from support.repos import object_names


@pytest.fixture
def top(tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Story:
    """A superproject around a model whose remote, named by its full path, is away from then on."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "protocol.file.allow")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "always")
    story = tell("live")
    story.write(".dvc/config", DVC_CONFIG.replace("../../storage", str(story.path.parent / "storage")))
    story.git("commit", "-qam", "the remote by its full path")
    top = Story(tmp_path / "super")
    top.path.mkdir()
    top.git("init", "-q")
    return top


def add(top: Story, *options: str, commands: tuple[str, ...] = ("install",)) -> Story:
    top.git("submodule", "--quiet", "add", top.path.parent / "story/repo", "models/resnet")
    top.git("commit", "-qm", "with a model")
    inner = Story(top.path / "models/resnet", "live", {b"model 2\n"})
    for command in commands:
        inner.cpv(command)
    (top.path.parent / "story/storage").rename(top.path.parent / "story/away")
    (top.path.parent / "story/storage").write_text("in the way")
    return inner


def train_alone(top: Story, inner: Story) -> None:
    """A checkpoint that is in this cache and nowhere else."""
    inner.put("model.bin", "model 3\n")
    inner.git("commit", "-qm", "third")
    top.git("commit", "-qam", "a newer model")


def in_git(top: Story) -> set[str]:
    return object_names(top.path / ".git/modules/models/resnet/dvc/cache/files/md5")


@pytest.mark.parametrize("verb", ["submodule deinit -f", "rm -q -f"])
@pytest.mark.compatibility("Git layouts", "submodule that is taken away and comes back")
def test_the_only_copy_outlives_the_folder(top: Story, verb: str) -> None:
    inner = add(top)
    train_alone(top, inner)
    inner.git("push", "-q", "origin", "HEAD:refs/heads/x", "--no-verify")
    top.git(*verb.split(), "models/resnet")
    assert not (inner.path / "model.bin").exists()
    if verb.startswith("rm"):
        top.git("reset", "-q", "--hard")
    top.git("submodule", "--quiet", "update", "--init")
    assert inner.read("model.bin") == b"model 3\n"
    assert inner.dvc_status() == {}
    (top.path.parent / "story/storage").unlink()
    (top.path.parent / "story/away").rename(top.path.parent / "story/storage")
    inner.cpv("sync")
    assert md5("model 3\n") in object_names(top.path.parent / "story/storage/files/md5")


@pytest.mark.parametrize("types", ["copy", "symlink", "hardlink"])
def test_a_cache_that_was_there_before_moves(top: Story, types: str) -> None:
    """Of a DVC without CPV; links of the work tree lead where they led."""
    inner = add(top, commands=())
    os.rename(top.path.parent / "story/away", top.path.parent / "story/back")
    inner.dvc("config", "cache.type", types, "--local")
    inner.dvc("remote", "modify", "--local", "storage", "url", top.path.parent / "story/back")
    inner.dvc("pull")
    assert (inner.path / "model.bin").is_symlink() == (types == "symlink")
    before = inner.cached()
    inner.cpv("install")
    assert before <= in_git(top)
    assert inner.read("model.bin") == b"model 2\n"
    assert inner.dvc_status() == {}
    inner.cpv("status")
    inner.git("checkout", "-q", "v0.0")
    assert inner.read("model.bin") == b"model 1\n"
    inner.git("checkout", "-q", "v0.1")
    assert inner.read("model.bin") == b"model 2\n"
    inner.cpv("prune", "--yes", "--grace", "0h")
    assert inner.read("model.bin") == b"model 2\n"


def test_a_kill_in_the_middle_of_the_move(top: Story) -> None:
    inner = add(top, commands=())
    cache = inner.path / ".dvc/cache"
    (top.path.parent / "story/storage").unlink()
    (top.path.parent / "story/away").rename(top.path.parent / "story/storage")
    inner.dvc("pull")
    moved = top.path / ".git/modules/models/resnet/dvc/cache"
    moved.parent.mkdir()
    cache.rename(moved)
    # And a DVC that finds no cache makes one before CPV comes back.
    inner.write("model.bin", "model 3\n")
    inner.dvc("add", "model.bin")
    inner.cpv("install")
    assert {md5("model 2\n"), md5("model 3\n")} <= in_git(top)
    inner.git("checkout", "-qf", "HEAD")
    assert inner.dvc_status() == {}


def test_dvc_alone_saves_into_the_same_cache(top: Story) -> None:
    inner = add(top)
    inner.write("model.bin", "model 4\n")
    inner.dvc("add", "model.bin")
    assert md5("model 4\n") in in_git(top)
    (inner.path / ".dvc/config.local").unlink()
    inner.write("model.bin", "model 5\n")
    inner.dvc("add", "model.bin")
    assert md5("model 5\n") in in_git(top)


def test_the_superproject_moves(top: Story) -> None:
    inner = add(top)
    train_alone(top, inner)
    moved = Story(top.path.parent / "moved")
    top.path.rename(moved.path)
    there = Story(moved.path / "models/resnet", "live", {b"model 3\n"})
    there.git("checkout", "-q", "v0.1")
    there.git("checkout", "-q", "v0.2")
    assert there.read("model.bin") == b"model 3\n"
    assert not top.path.exists()
    assert md5("model 3\n") in in_git(moved)


def test_a_submodule_that_has_its_git_directory_inside(top: Story) -> None:
    """Git takes that into the superproject just before it removes the folder."""
    top.git("clone", "-q", top.path.parent / "story/repo", top.path / "models/resnet")
    inner = Story(top.path / "models/resnet", "live")
    top.git("submodule", "--quiet", "add", top.path.parent / "story/repo", "models/resnet")
    top.git("commit", "-qm", "with a model")
    install_hooks(inner, "live")
    train_alone(top, inner)
    top.git("submodule", "absorbgitdirs")
    inner.git("checkout", "-q", "v0.1")
    inner.git("checkout", "-q", "v0.2")
    top.git("submodule", "deinit", "-f", "models/resnet")
    assert md5("model 3\n") in in_git(top)
