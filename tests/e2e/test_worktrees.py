"""Linked work trees, submodules, and a DVC root in a sub-folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from e2e.conftest import Tell
from e2e.story import DVC_CONFIG, SECOND, SETTINGS, Story, install_hooks, md5
from support.shell import Shell


@pytest.mark.compatibility("Git layouts", "linked work trees, one cache for all")
def test_worktree_add_shares_the_cache(any_story: Story) -> None:
    story = any_story
    story.git("worktree", "add", "-q", "../linked", "v0.0")
    linked = Story(story.path.parent / "linked", story.mode, story.written)
    assert linked.read("model.bin") == b"model 1\n"
    linked.agree()
    linked.git("switch", "-q", "-c", "side")
    linked.put("model.bin", "model 3\n")
    linked.git("commit", "-qm", "in the linked one")
    assert linked.saved("model.bin", "model 3\n")
    assert md5("model 3\n") in story.cached(), "one cache for all work trees"
    assert story.read("model.bin") == b"model 2\n"
    story.check()
    story.git("merge", "-q", "--no-edit", "-s", "ours", "side")
    story.git("checkout", "-q", "side~1")
    story.check()
    linked.agree()
    assert linked.dvc_status() == {}


@pytest.mark.compatibility("Git layouts", "linked work trees, one cache for all")
def test_two_worktrees_commit_in_turn(story: Story) -> None:
    story.git("worktree", "add", "-q", "-b", "side", "../linked")
    linked = Story(story.path.parent / "linked", story.mode, story.written)
    for number in (3, 5):
        story.put("model.bin", f"model {number}\n")
        story.git("commit", "-qm", f"checkpoint {number}")
        linked.put("model.bin", f"model {number + 1}\n")
        linked.git("commit", "-qm", f"checkpoint {number + 1}")
    assert story.read("model.bin") == b"model 5\n"
    assert linked.read("model.bin") == b"model 6\n"
    assert len({tag for tag in story.tags() if tag.startswith("v0.")}) == 6
    linked.agree()
    story.check()


def test_worktree_remove_loses_nothing(story: Story) -> None:
    story.git("worktree", "add", "-q", "-b", "side", "../linked")
    linked = Story(story.path.parent / "linked", story.mode, story.written)
    linked.put("model.bin", "model 3\n")
    linked.git("commit", "-qm", "third")
    story.git("worktree", "remove", "--force", "../linked")
    story.git("checkout", "-q", "side")
    assert story.read("model.bin") == b"model 3\n"
    story.check()


def in_folder(story: Story, mode: str, folder: str = "models/resnet") -> Story:
    """The same repository with everything of DVC's in a sub-folder, committed anew."""
    names = [".dvc", ".dvcignore", ".cpv.toml", "model.bin", "data", "metrics.log"]
    place = story.path / folder
    place.mkdir(parents=True)
    shutil.rmtree(story.path / ".git")
    for pointer in story.pointers():
        pointer.unlink()
    (story.path / ".gitignore").unlink()
    for name in names:
        shutil.move(story.path / name, place / name)
    config = DVC_CONFIG.replace("../../storage", "../../../../storage")
    story.write(f"{folder}/.dvc/config", config)
    story.write(f"{folder}/.cpv.toml", SETTINGS + ("[status]\nlive = false\n" if mode == "shims" else ""))
    story.git("init", "-q")
    install_hooks(story, "pre-commit" if mode == "pre-commit" else "live")
    # Without live status `git add -A` would take an artifact that has no pointer yet, and the commit be refused.
    ours = [f"{folder}/{name}" for name in (".dvc", ".dvcignore", ".cpv.toml")]
    story.git("add", *ours, ".pre-commit-config.yaml", "train.py", "notes.txt")
    story.git("commit", "-qm", "in a sub-folder")
    return Story(place, story.mode, story.written)


@pytest.mark.compatibility("Git layouts", "DVC root in a sub-folder")
@pytest.mark.parametrize("mode", ["live", "shims", "pre-commit"])
def test_dvc_root_in_a_sub_folder(tell: Tell, mode: str) -> None:
    story = tell("live") if mode != "pre-commit" else tell("pre-commit")
    place = in_folder(story, mode)
    assert "models/resnet/model.bin.dvc" in story.git("ls-files").lines
    assert "models/resnet/model.bin" not in story.git("ls-files").lines
    assert story.tags() == ["data-v0.0", "v0.0"]
    place.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "from the top")
    assert story.oid_at("HEAD", "models/resnet/model.bin.dvc") == md5("model 3\n")
    place.put("model.bin", "model 4\n")
    place.git("commit", "-qm", "from the folder")
    assert story.oid_at("HEAD", "models/resnet/model.bin.dvc") == md5("model 4\n")
    story.git("checkout", "-q", "v0.0")
    assert place.read("model.bin") == b"model 2\n"
    place.pointers_are_true()
    assert place.changes() == []
    assert place.dvc_status() == {}


@pytest.mark.compatibility("Git layouts", "several DVC roots and models in one repository")
def test_two_dvc_roots_in_one_repository(tell: Tell) -> None:
    story = tell("live")
    other = story.path / "other"
    other.mkdir()
    story.dvc("init", "-q", "--subdir", cwd="other")
    story.write("other/.dvc/config", DVC_CONFIG.replace("../../storage", "../../../storage"))
    story.write("other/.cpv.toml", '[artifacts]\nmodel = ["weights.bin"]\n')
    story.put("other/weights.bin", "weights 1\n")
    story.cpv("sync")
    story.git("add", "-A")
    story.git("commit", "-qm", "a second root")
    story.put("other/weights.bin", "weights 2\n")
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "both")
    assert story.git("diff", "--name-only", "HEAD^", "HEAD").lines == ["model.bin.dvc", "other/weights.bin.dvc"]
    story.git("checkout", "-q", "HEAD~1")
    assert story.read("other/weights.bin") == b"weights 1\n"
    assert story.read("model.bin") == b"model 2\n"
    story.git("checkout", "-q", "v0.1")
    assert not (other / "weights.bin").exists()
    story.agree()
    story.git("checkout", "-q", "main")
    assert story.read("other/weights.bin") == b"weights 2\n"
    story.agree()


@pytest.fixture
def submodule(tell: Tell, tmp_path: Path) -> tuple[Story, Story]:
    """A superproject, and in it a model repository as a submodule with CPV's hooks."""
    source = tell("live")
    top = Story(tmp_path / "super")
    top.path.mkdir()
    top.git("init", "-q")
    top.git("submodule", "--quiet", "add", source.path, "resnet")
    top.git("commit", "-qm", "with a model")
    inner = Story(top.path / "resnet", "live", {content.encode() for content in SECOND.values()})
    inner.write(".dvc/config.local", f"['remote \"storage\"']\n    url = {source.path.parent / 'storage'}\n")
    install_hooks(inner, "live")
    return top, inner


@pytest.mark.compatibility("Git layouts", "submodule")
def test_submodule(submodule: tuple[Story, Story]) -> None:
    top, inner = submodule
    assert inner.read("model.bin") == b"model 2\n"
    inner.agree()
    inner.git("checkout", "-q", "main")
    inner.put("model.bin", "model 3\n")
    inner.git("commit", "-qm", "third")
    assert inner.saved("model.bin", "model 3\n")
    assert inner.tags_at() == ["v0.2"]
    assert top.changes() == [" M resnet"]
    top.git("commit", "-qam", "a newer model")
    assert (top.path / ".git/modules/resnet/cpv").exists()
    assert not (top.path / ".git/cpv").exists()
    top.git("checkout", "-q", "HEAD~1")
    top.git("submodule", "--quiet", "update")
    assert inner.read("model.bin") == b"model 2\n"
    inner.agree()
    assert inner.dvc_status() == {}


@pytest.mark.compatibility("Git layouts", "submodule")
def test_submodule_that_the_superproject_checks_out(submodule: tuple[Story, Story]) -> None:
    """Git runs no hook of the submodule's then; its next look, here that of the superproject's status, completes it."""
    top, inner = submodule
    inner.git("checkout", "-q", "main")
    inner.put("model.bin", "model 3\n")
    inner.git("commit", "-qm", "third")
    top.git("commit", "-qam", "a newer model")
    for rev, content in (("HEAD~1", b"model 2\n"), ("main", b"model 3\n")):
        top.git("checkout", "-q", "--recurse-submodules", rev)
        assert top.changes() == []
        assert inner.read("model.bin") == content
        inner.check()


@pytest.mark.compatibility("Git layouts", "submodule in a model repository")
def test_a_model_repository_with_a_submodule(tell: Tell, tmp_path: Path) -> None:
    """Code, or another model, whose commit goes into the same version as the data."""
    story = tell("live")
    code = Shell(tmp_path / "code")
    code.path.mkdir()
    code.git("init", "-q")
    code.git("commit", "-q", "--allow-empty", "-m", "code 1")
    story.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", code.path, "code")
    story.git("commit", "-qm", "with code")
    inner = Shell(story.path / "code")
    first = inner.head()
    inner.git("commit", "-q", "--allow-empty", "-m", "code 2")
    story.put("model.bin", "model 3\n")
    assert story.changes() == [" M code", " M model.bin.dvc"]
    story.git("commit", "-qam", "code and model")
    assert story.tags_at() == ["v0.2"]
    assert story.saved("model.bin", "model 3\n")
    story.git("checkout", "-q", "--recurse-submodules", "HEAD~1")
    assert (inner.head(), story.read("model.bin")) == (first, b"model 2\n")
    story.agree()
    story.git("checkout", "-q", "main")
    story.git("submodule", "--quiet", "update")
    assert story.changes() == []
    story.check()


@pytest.mark.compatibility("Git layouts", "submodule")
def test_submodule_with_unsaved_changes(submodule: tuple[Story, Story]) -> None:
    top, inner = submodule
    inner.put("model.bin", "model 3\n")
    assert top.changes() == [" M resnet"]
    inner.git("stash", "-q")
    assert inner.read("model.bin") == b"model 2\n"
    inner.nothing_is_lost()
    assert top.changes() == []
