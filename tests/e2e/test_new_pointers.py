"""A new pointer that no hook of ours saw arrive is brought, shown and committed by the next Git command that asks."""

from __future__ import annotations

import pytest
from dulwich import porcelain

from e2e.conftest import Tell
from e2e.story import Story

WEIGHTS = "weights 1\n"
NO_HOOKS = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=")


def begin(tell: Tell, mode: str, path: str = "weights.bin") -> Story:
    """On a version without the artifact, with everything in agreement; `main` has it."""
    story = tell(mode)
    story.put(path, WEIGHTS)
    story.dvc("add", "-q", path)
    story.git("add", "-A")
    story.git("commit", "-qm", "more weights")
    story.git("checkout", "-q", "v0.1")
    story.agree()
    return story


def is_there(story: Story, path: str = "weights.bin") -> None:
    assert story.read(path) == WEIGHTS.encode()
    story.put(path, "weights 2\n")
    if story.live:
        assert story.changes() == [f" M {path}.dvc"]
    story.git("commit", "-qam", "changed")
    assert story.saved(path, "weights 2\n")
    story.check()


@pytest.mark.compatibility("Live status and other clients", "a Git that runs no hooks")
@pytest.mark.parametrize("path", ["weights.bin", "deep/er/weights.bin"])
@pytest.mark.parametrize("mode", ["live", "both"])
def test_a_git_without_hooks(tell: Tell, mode: str, path: str) -> None:
    story = begin(tell, mode, path)
    story.git(*NO_HOOKS, "checkout", "-q", "main")
    assert not (story.path / path).exists()
    assert story.changes() == []
    is_there(story, path)


def test_without_live_status_a_commit_finds_it(tell: Tell) -> None:
    story = begin(tell, "shims")
    story.git(*NO_HOOKS, "checkout", "-q", "main")
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    is_there(story)


def test_its_artifact_changes_before_anybody_asks(tell: Tell) -> None:
    story = begin(tell, "live")
    story.git(*NO_HOOKS, "checkout", "-q", "main")
    story.put("weights.bin", "weights 2\n")
    assert story.changes() == [" M weights.bin.dvc"]
    story.git("commit", "-qm", "changed")
    assert story.saved("weights.bin", "weights 2\n")


@pytest.mark.compatibility(
    "Live status and other clients",
    "dulwich (DVC's own)",
    limit="its commits run no hooks: the next Git command completes them",
)
def test_a_client_that_is_no_git(tell: Tell) -> None:
    story = begin(tell, "live")
    with porcelain.open_repo_closing(str(story.path)) as repo:
        repo.get_worktree().reset_index(repo[b"refs/heads/main"].tree)
    assert (story.path / "weights.bin.dvc").exists()
    story.git("status")
    assert story.read("weights.bin") == WEIGHTS.encode()


def test_the_end_of_a_sparse_checkout(tell: Tell) -> None:
    story = tell("live")
    story.put("deep/weights.bin", WEIGHTS)
    story.dvc("add", "-q", "deep/weights.bin")
    story.write("src/code.py", "print(1)\n")
    story.git("add", "-A")
    story.git("commit", "-qm", "more weights")
    story.git("sparse-checkout", "set", "--cone", "src", ".dvc")
    story.git("status")
    assert not (story.path / "deep").exists()
    story.git("sparse-checkout", "disable")
    assert story.changes() == []
    is_there(story, "deep/weights.bin")


def test_nothing_new_costs_one_question(tell: Tell) -> None:
    """An index that another command wrote is compared once, and Python is not started for it."""
    story = tell("live")
    story.write("train.py", "print('training more')\n")
    story.git("status")
    story.git("add", "train.py")
    story.git("status")
    stamp = (story.path / ".git/cpv/stamp").stat().st_mtime_ns
    story.git("reset", "-q", "--mixed")
    story.git("status")
    assert (story.path / ".git/cpv/stamp").stat().st_mtime_ns == stamp
    assert (story.path / ".git/cpv/index-seen").exists()


@pytest.mark.parametrize("mode", ["live", "shims", "both"])
def test_a_new_dvc_root(tell: Tell, mode: str) -> None:
    """What its settings name is no file for Git, from the commit on that brings them."""
    story = tell(mode)
    story.git("status")
    root = story.path / "other"
    root.mkdir()
    story.run("dvc", "init", "-q", "--subdir", cwd="other")
    story.write("other/.dvc/config", story.read(".dvc/config").decode().replace("../../storage", "../../../storage"))
    story.write("other/.cpv.toml", '[cpv]\nteam = "vision"\nmodel = "other"\n[artifacts]\nmodel = ["other.bin"]\n')
    story.git("add", "-A")
    story.git("commit", "-qm", "the settings of another model")
    story.put("other/other.bin", "other 1\n")
    story.git("commit", "-qm", "another model")
    assert story.git("ls-files", "other/*.bin*").lines == ["other/other.bin.dvc"]
    assert story.saved("other/other.bin", "other 1\n")


def test_a_glob_takes_none_of_the_files_that_git_and_dvc_need(tell: Tell) -> None:
    story = tell("live", settings='extra = ["deep/*"]\n')
    for name in ("one.pt", "two.pt"):
        story.put(f"deep/{name}", f"{name} 1\n")
    story.git("commit", "-qm", "two")
    story.put("deep/one.pt", "one.pt 2\n")
    story.git("commit", "-qm", "one again")
    assert story.git("ls-files", "deep").lines == ["deep/.gitignore", "deep/one.pt.dvc", "deep/two.pt.dvc"]
    assert story.changes() == []
    for rev in ("v0.1", "main"):
        assert story.git("checkout", "-q", rev).text == ""
    story.agree()
