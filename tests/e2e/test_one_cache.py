"""One cache and one queue for all work trees of a repository, wherever its Git directory lies."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cpv_hooks.dvcformat.cache import Cache
from e2e.conftest import Tell
from e2e.story import DVC_CONFIG, Story, install_hooks, md5
from support.repos import object_names

CACHE = ".dvc/cache/files/md5"
Layout = Callable[[Story, Path], tuple[Path, Path]]


def beside(story: Story, base: Path) -> tuple[Path, Path]:
    return story.path, story.path / ".git"


def separate(story: Story, base: Path) -> tuple[Path, Path]:
    """`git init --separate-git-dir` moves the directory of a repository that is there."""
    (base / "elsewhere").mkdir()
    story.git("init", "-q", "--separate-git-dir", base / "elsewhere/repository")
    install_hooks(story, "live")
    return story.path, base / "elsewhere/repository"


def submodule(story: Story, base: Path) -> tuple[Path, Path]:
    top = Story(base / "super")
    top.path.mkdir()
    top.git("init", "-q")
    top.git("submodule", "--quiet", "add", story.path, "resnet")
    install_hooks(Story(top.path / "resnet"), "live")
    return top.path / "resnet", top.path / ".git/modules/resnet"


def bare(story: Story, base: Path) -> tuple[Path, Path]:
    story.git("clone", "-q", "--bare", story.path, base / "model.git")
    return _first_of_bare(base, base / "model.git")


def bare_called_git(story: Story, base: Path) -> tuple[Path, Path]:
    story.git("clone", "-q", "--bare", story.path, base / "project/.git")
    return _first_of_bare(base, base / "project/.git")


def _first_of_bare(base: Path, git_dir: Path) -> tuple[Path, Path]:
    Story(git_dir).git("worktree", "add", "-q", base / "trees/first", "main")
    install_hooks(Story(base / "trees/first"), "live")
    return base / "trees/first", git_dir


LAYOUTS = [beside, separate, submodule, bare, bare_called_git]


@pytest.fixture(params=LAYOUTS, ids=lambda layout: layout.__name__)
def tree(request: pytest.FixtureRequest, tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Story:
    """The first work tree of a repository; the remote is named by its full path."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "protocol.file.allow")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "always")
    story = tell("live")
    story.write(".dvc/config", DVC_CONFIG.replace("../../storage", str(story.path.parent / "storage")))
    story.git("commit", "-qam", "the remote by its full path")
    path, _ = request.param(story, tmp_path)
    return Story(path, "live", {b"model 2\n"})


def cache_of(tree: Story) -> Path:
    from cpv_hooks.git.repo import Repo
    from cpv_hooks.project.project import Project

    (project,) = Project.find_all(Repo.discover(tree.path))
    return project.cache_dir


def without_remote(base: Path) -> Callable[[], None]:
    storage = base / "story/storage"
    storage.rename(base / "story/away")
    storage.write_text("in the way")

    def back() -> None:
        storage.unlink()
        (base / "story/away").rename(storage)

    return back


def test_what_waits_outlives_its_work_tree(tree: Story, tmp_path: Path) -> None:
    tree.git("worktree", "add", "-q", "-b", "side", tmp_path / "trees/side", "HEAD")
    side = Story(tmp_path / "trees/side", "live")
    assert side.read("model.bin") == b"model 2\n"
    back = without_remote(tmp_path)
    side.put("model.bin", "model 3\n")
    side.git("commit", "-qm", "while the remote is away")
    tree.git("worktree", "remove", "--force", tmp_path / "trees/side")
    back()
    tree.cpv("sync")
    assert md5("model 3\n") in object_names(tmp_path / "story/storage/files/md5")
    assert "nothing" in tree.cpv("sync", "--status").out
    tree.git("checkout", "-q", "side")
    assert tree.read("model.bin") == b"model 3\n"


def test_a_new_work_tree_fetches_nothing(tree: Story, tmp_path: Path) -> None:
    tree.cpv("sync")
    without_remote(tmp_path)
    tree.git("worktree", "add", "-q", "-b", "side", tmp_path / "trees/side", "HEAD")
    side = Story(tmp_path / "trees/side", "live")
    assert side.read("model.bin") == b"model 2\n"
    assert cache_of(side) == cache_of(tree)
    assert not (side.path / CACHE).exists()


@pytest.mark.compatibility("Git layouts", "linked work trees, one cache for all")
def test_a_work_tree_that_was_made_without_hooks(tree: Story, tmp_path: Path) -> None:
    """By a client that runs none; what its own cache holds by then is in the shared one after the next command."""
    tree.git("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=", "worktree", "add", "-qb", "x", tmp_path / "x")
    side = Story(tmp_path / "x", "live")
    # As `dvc add` does it, which itself does not work in a linked work tree of a submodule.
    side.write("model.bin", "model 4\n")
    Cache(side.path / ".dvc/cache").add_file(side.path / "model.bin")
    side.write("model.bin.dvc", side.read("model.bin.dvc").decode().replace(md5("model 2\n"), md5("model 4\n")))
    (side.path / "model.bin").unlink()
    side.git("commit", "-qam", "fourth")
    assert cache_of(side) == cache_of(tree)
    assert md5("model 4\n") in object_names(cache_of(tree) / "files/md5")
    tree.git("worktree", "remove", "--force", side.path)
    tree.git("checkout", "-q", "x")
    assert tree.read("model.bin") == b"model 4\n"


def test_the_main_work_tree_without_the_model(tell: Tell, tmp_path: Path) -> None:
    """It has a branch checked out that knows nothing of DVC; when it gets the model, it uses the same cache."""
    story = tell("live")
    story.empty_branch("empty")
    path = tmp_path / "story/clone"
    story.git("clone", "-q", "-b", "empty", story.path, path)
    clone = Story(path, "live", {b"model 2\n"})
    clone.git("worktree", "add", "-q", "../side", "origin/main")
    side = Story(path.parent / "side", "live")
    install_hooks(side, "live")
    side.cpv("sync")
    shutil.rmtree(tmp_path / "story/storage")
    clone.git("checkout", "-q", "main")
    assert clone.read("model.bin") == b"model 2\n"
    assert cache_of(clone) == cache_of(side)


def test_settings_of_the_main_work_tree(tell: Tell, tmp_path: Path) -> None:
    """Its own cache and its remote are meant there, wherever they are named from."""
    story = tell("live")
    local = f"[cache]\n    dir = {tmp_path / 'big'}\n['remote \"storage\"']\n    url = ../../storage\n"
    story.write(".dvc/config.local", local)
    story.cpv("sync")
    story.git("worktree", "add", "-q", "-b", "side", tmp_path / "deep/er/side", "HEAD")
    side = Story(tmp_path / "deep/er/side", "live")
    assert cache_of(side) == tmp_path / "big"
    side.put("model.bin", "model 3\n")
    side.git("commit", "-qm", "third")
    assert md5("model 3\n") in object_names(tmp_path / "story/storage/files/md5")


def test_settings_that_are_there_stay(tell: Tell, tmp_path: Path) -> None:
    story = tell("live")
    story.git("-c", "core.hooksPath=/dev/null", "worktree", "add", "-q", "-b", "side", tmp_path / "side", "HEAD")
    side = Story(tmp_path / "side", "live")
    side.write(".dvc/config.local", "# mine\n[core]\n    autostage = true\n")
    side.cpv("sync")
    text = side.read(".dvc/config.local").decode()
    assert text.startswith("# mine\n[core]\n")
    assert "autostage = true" in text
    assert cache_of(side) == cache_of(story)
    side.write(".dvc/config.local", "[cache]\n    dir = cache\n")
    side.cpv("sync")
    assert cache_of(side) == side.path / ".dvc/cache"


def test_a_repository_behind_a_link_is_no_linked_work_tree(tell: Tell, tmp_path: Path) -> None:
    from cpv_hooks.git.repo import Repo

    story = tell("live")
    os.symlink(story.path, tmp_path / "link")
    assert not Repo.discover(tmp_path / "link").linked
    Story(tmp_path / "link", "live").cpv("sync")
    assert not (story.path / ".dvc/config.local").exists()


def test_prune_in_a_bare_repository_keeps_what_every_tree_needs(tell: Tell, tmp_path: Path) -> None:
    story = tell("live")
    path, git_dir = bare(story, tmp_path)
    tree = Story(path, "live")
    tree.write(".dvc/config", DVC_CONFIG.replace("../../storage", str(story.path.parent / "storage")))
    tree.git("commit", "-qam", "the remote")
    tree.cpv("sync")
    tree.git("worktree", "add", "-q", "--detach", story.path.parent / "old", "v0.0")
    tree.cpv("prune", "--yes", "--grace", "0h")
    kept = object_names(git_dir / "dvc/cache/files/md5")
    assert {md5("model 1\n"), md5("model 2\n")} <= kept


@pytest.mark.parametrize("way", ["move", "copy"])
def test_the_main_work_tree_moves(tell: Tell, tmp_path: Path, way: str) -> None:
    """The linked one goes on with the cache where it lies now, and has nothing in the place where it lay."""
    story = tell("live")
    story.git("worktree", "add", "-q", "-b", "side", tmp_path / "side", "HEAD")
    moved = tmp_path / "story/moved"
    if way == "move":
        story.path.rename(moved)
    else:
        shutil.copytree(story.path, moved, symlinks=True)
    main, side = Story(moved, "live", {b"model 2\n"}), Story(tmp_path / "side", "live")
    main.git("worktree", "repair", side.path)
    back = without_remote(tmp_path)
    side.put("model.bin", "model 3\n")
    side.git("commit", "-qm", "while the remote is away")
    assert cache_of(side) == main.path / ".dvc/cache"
    if way == "copy":
        shutil.rmtree(story.path)
    assert not story.path.exists()
    main.git("worktree", "remove", "--force", side.path)
    back()
    main.cpv("sync")
    assert md5("model 3\n") in object_names(tmp_path / "story/storage/files/md5")
    main.git("checkout", "-q", "side")
    assert main.read("model.bin") == b"model 3\n"
