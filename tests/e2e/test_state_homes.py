"""State that is looked for where it was written, and hooks that do not come back."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks import state_files
from e2e.conftest import Tell
from e2e.story import Story
from support.shell import Shell
from support.state import strange

pytestmark = pytest.mark.real_hooks

OTHERS = """repos:
- repo: local
  hooks:
  - {id: ran, name: ran, entry: touch ran, language: system, always_run: true, pass_filenames: false}
"""


def notes_of(tree: Story) -> Path:
    return Path(tree.git("rev-parse", "--absolute-git-dir").out.strip()) / "cpv/only-cpv"


def test_a_linked_work_tree_does_not_run_the_framework_as_well(tell: Tell, tmp_path: Path) -> None:
    story = tell("both")
    story.git("worktree", "add", "-q", "-b", "side", tmp_path / "side", "HEAD")
    side = Story(tmp_path / "side", "both")
    assert notes_of(side).read_text() == notes_of(story).read_text() != ""
    side.put("model.bin", "model 3\n")
    # The framework says so of each of its hooks, and the shims leave it out.
    assert "Passed" not in side.git("commit", "-m", "third").text
    assert side.saved("model.bin", "model 3\n")


def test_a_linked_work_tree_made_without_hooks(tell: Tell, tmp_path: Path) -> None:
    story = tell("both")
    story.git("-c", "core.hooksPath=/dev/null", "worktree", "add", "-q", "-b", "side", tmp_path / "side", "HEAD")
    side = Story(tmp_path / "side", "both")
    side.put("model.bin", "model 3\n")
    side.git("commit", "-qm", "third")
    assert notes_of(side).read_text() == notes_of(story).read_text()


def test_a_configuration_that_a_branch_has_of_its_own(tell: Tell, tmp_path: Path) -> None:
    """Each work tree has its own note, of its own configuration."""
    story = tell("both")
    story.git("checkout", "-q", "-b", "checks")
    story.write(".pre-commit-config.yaml", OTHERS)
    story.git("commit", "-qam", "checks of our own", "--no-verify")
    story.git("checkout", "-q", "main")
    story.git("worktree", "add", "-q", tmp_path / "side", "checks")
    side = Story(tmp_path / "side", "both")
    side.put("model.bin", "model 3\n")
    side.git("commit", "-qm", "third")
    assert (side.path / "ran").exists()
    assert notes_of(side).read_text() != notes_of(story).read_text()


@pytest.mark.parametrize("by_script", [False, True])
@pytest.mark.parametrize("aside", ["legacy", "old"])
def test_a_manager_on_top_brings_nothing_back(tell: Tell, aside: str, by_script: bool) -> None:
    """pre-commit sets a hook aside as `.legacy`, lefthook as `.old`, and each puts it back when it is uninstalled."""
    story = tell("live")
    hooks = story.path / ".git/hooks"
    if aside == "legacy":
        story.python("-m", "pre_commit", "install", "--hook-type", "pre-push")
        assert (hooks / "pre-push.legacy").exists()
    else:
        (hooks / "pre-push").rename(hooks / "pre-push.old")
        story.write(".git/hooks/pre-push", "#!/bin/sh\nexit 0\n").chmod(0o755)
    if by_script:
        story.run("sh", story.path / ".git/cpv/uninstall")
    else:
        story.cpv("uninstall")
    assert not (hooks / f"pre-push.{aside}").exists()
    if aside == "legacy":
        story.python("-m", "pre_commit", "uninstall", "--hook-type", "pre-push")
        assert not (hooks / "pre-push").exists()
    assert not [path for path in hooks.iterdir() if b"CPV hook shim" in path.read_bytes()]


@pytest.mark.parametrize("by_script", [False, True])
def test_a_folder_where_git_looked_for_hooks_before_is_cleared_too(tell: Tell, by_script: bool) -> None:
    story = tell("live")
    story.cpv("uninstall")
    story.write(".git/hooks/post-commit", "#!/bin/sh\ntouch ran\n").chmod(0o755)
    story.cpv("install")
    story.write(".husky/pre-commit", "#!/bin/sh\n").chmod(0o755)
    story.git("config", "core.hooksPath", ".husky")
    story.cpv("install")
    if by_script:
        story.run("sh", story.path / ".git/cpv/uninstall")
    else:
        story.cpv("uninstall")
    assert story.git("config", "core.hooksPath").lines == [".husky"]
    story.git("config", "--unset", "core.hooksPath")
    left = [path for path in (story.path / ".git/hooks").iterdir() if path.suffix != ".sample"]
    assert [path.name for path in left] == ["post-commit"]
    story.git("commit", "-q", "--allow-empty", "-m", "plain")
    assert (story.path / "ran").exists()


def linked(story: Story) -> Story:
    """A linked work tree, with state of its own."""
    side = Story(story.path.parent / "side", story.mode)
    story.git("worktree", "add", "-q", "-b", "side", side.path, "HEAD")
    assert side.git("status", "--porcelain").text == ""
    return side


def test_an_upload_that_waits_goes_with_the_next_commit_of_any_work_tree(tell: Tell) -> None:
    story = tell("live")
    side = linked(story)
    storage = story.path.parent / "storage"
    storage.rename(storage.with_name("away"))
    storage.write_text("in the way")
    side.put("model.bin", "model 3\n")
    assert "is not uploaded" in side.git("commit", "-qm", "third").err
    state = story.path / ".git" / state_files.FOLDER
    with closing(sqlite3.connect(state / state_files.QUEUE)) as queue, queue:
        queue.execute("update pending set tried = 0")  # what was tried just now is not tried again
    storage.unlink()
    storage.with_name("away").rename(storage)
    story.write("train.py", "print()\n")
    story.git("add", "train.py")
    story.git("commit", "-qm", "code")
    assert side.oid_at("HEAD", "model.bin.dvc") in story.stored()
    assert not (state / state_files.QUEUED).exists()


def test_a_linked_work_tree_meets_the_journal_of_the_repository(tell: Tell) -> None:
    story = tell("live")
    side = linked(story)
    journal = story.write(f".git/{state_files.FOLDER}/{state_files.JOURNAL}/torn.json", "{}\n")
    journal.write_text('{"what": "a test"}\n[]\n')
    assert "a journal that cannot be read" in side.git("status", "--porcelain").err
    shutil.rmtree(journal.parent)


def test_a_push_from_a_linked_work_tree_asks_for_tags_that_did_not_arrive(tell: Tell) -> None:
    story = tell("live")
    side = linked(story)
    host = Shell(story.path.parent / "host.git")
    story.git("init", "-q", "--bare", host.path)
    story.git("remote", "add", "origin", host.path)
    for _ in range(2):
        story.git("push", "-q", "--no-follow-tags", "origin", "main")
    host.write("hooks/update", "#!/bin/sh\nexit 1\n").chmod(0o755)
    assert story.git("push", "-q", "origin", "v0.1", status=1).err
    sent = story.path / ".git" / state_files.FOLDER / state_files.SENT
    assert list(sent.glob("*.json")) != []
    side.git("push", "-q", "--no-follow-tags", "origin", "main")
    assert list(sent.glob("*.json")) == []


@pytest.mark.parametrize("start", ["main", "linked"])
def test_uninstall_clears_the_state_of_every_work_tree(tell: Tell, start: str) -> None:
    story = tell("live")
    side = linked(story)
    other = side if start == "linked" else story
    other.cpv("uninstall")
    assert [path for path in (story.path / ".git").rglob(state_files.FOLDER) if path.parent.name != "refs"] == []
    assert "CPV is not installed" in (story if other is side else side).cpv("uninstall").text
    assert side.git("status", "--porcelain").text == story.git("status", "--porcelain").text == ""


def test_the_script_leaves_no_work_tree_in_the_belief_that_all_agrees(tell: Tell) -> None:
    story = tell("live")
    side = linked(story)
    story.run("sh", story.path / ".git/cpv/uninstall")
    for state in (notes_of(story).parent, notes_of(side).parent):
        assert not (state / state_files.STAMP).exists()
        assert not (state / state_files.WATCH).exists()


def test_uninstall_keeps_the_record_of_a_commit_under_way_elsewhere(tell: Tell) -> None:
    story = tell("live")
    side = linked(story)
    record = notes_of(side).parent / state_files.DETOUR
    record.write_text("ref: refs/heads/side\n1\n\n")
    assert "it holds a commit under way" in story.cpv("uninstall").text
    assert record.exists()


@pytest.mark.compatibility("Git layouts", "separate Git directory")
def test_a_separate_git_directory_has_all_of_the_state(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = make_repo(install=False, files={"model.bin": "model 1\n"})
    apart = tmp_path / "apart/git"
    apart.parent.mkdir()
    repo.git("init", "-q", "--separate-git-dir", apart)
    repo.cpv("install")
    repo.write("model.bin", "model 2\n")
    assert repo.git("commit", "-qm", "second").text == "cpv: tagged v0.0\n"
    assert repo.git("checkout", "-q", "HEAD^").text == ""
    assert repo.read("model.bin") == b"model 1\n"
    assert strange(apart) == []
    assert {state_files.INDEX, state_files.QUEUE, state_files.INSTALL} <= {
        path.name for path in (apart / "cpv").iterdir()
    }
    repo.cpv("uninstall")
    assert not (apart / "cpv").exists()
    assert b"fsmonitor" not in (apart / "config").read_bytes()


def test_a_submodule_has_its_own_state_and_loses_it_alone(make_repo: MakeRepo, tmp_path: Path) -> None:
    model = make_repo(files={"model.bin": "model 1\n"})
    outer = Shell(tmp_path / "outer")
    model.git("init", "-q", outer.path)
    outer.git("submodule", "--quiet", "add", model.path, "model")
    inner = Shell(outer.path / "model")
    inner.cpv("install")
    inner.write("model.bin", "model 2\n")
    assert "tagged v0.1" in inner.git("commit", "-qm", "second").text
    git_dir = outer.path / ".git/modules/model"
    assert strange(git_dir) == []
    assert (git_dir / state_files.FOLDER / state_files.INDEX).exists()
    assert not (outer.path / ".git" / state_files.FOLDER).exists()
    before = (outer.path / ".git/config").read_bytes()
    inner.cpv("uninstall")
    assert not (git_dir / state_files.FOLDER).exists()
    assert (outer.path / ".git/config").read_bytes() == before
