"""`core.hooksPath` names a folder inside the repository by its absolute path, and the repository is moved or copied."""

from __future__ import annotations

import shutil

import pytest

from e2e.conftest import Tell
from e2e.story import Story
from support.shell import Shell

pytestmark = pytest.mark.real_hooks

FOLDERS = [".myhooks", ".git/my hooks"]


def hooks(story: Story, folder: str) -> str:
    for name in ("pre-commit", "sendemail-validate"):
        story.write(f"{folder}/{name}", f'#!/bin/sh\necho "{name} $0" >>"$SEEN"\n').chmod(0o755)
    story.write(".git/info/exclude", "/.myhooks\n")
    path = str(story.path / folder)
    story.git("config", "core.hooksPath", path)
    return path


def ran(story: Shell, name: str) -> list[str]:
    """Which hooks of the user's ran at a commit of code."""
    seen = story.path.parent / "seen"
    story.write(name, name)
    story.git("add", name)
    story.git("commit", "-qm", name, env={"SEEN": str(seen)})
    lines = seen.read_text().splitlines() if seen.exists() else []
    seen.unlink(missing_ok=True)
    return [line.split()[0] for line in lines]


def elsewhere(story: Story, way: str = "move") -> Story:
    other = Story(story.path.parent / "else where", story.mode, story.written)
    if way == "move":
        story.path.rename(other.path)
    else:
        shutil.copytree(story.path, other.path, symlinks=True)
    return other


@pytest.mark.parametrize("way", ["move", "copy"])
@pytest.mark.parametrize("folder", FOLDERS)
def test_the_users_hooks_run_after_the_next_install(tell: Tell, folder: str, way: str) -> None:
    story = tell("live")
    hooks(story, folder)
    story.cpv("install")
    assert ran(story, "one.txt") == ["pre-commit"]
    other = elsewhere(story, way)
    if way == "copy":
        story.write(f"{folder}/pre-commit", "#!/bin/sh\necho wrong >>$SEEN\n")
    assert f"pre-commit: also runs {other.path / folder}/pre-commit" in other.cpv("install").text
    assert ran(other, "two.txt") == ["pre-commit"]
    other.run("git", "hook", "run", "sendemail-validate", env={"SEEN": str(other.path / "by-name")})
    assert (other.path / "by-name").read_text().startswith("sendemail-validate ")
    again = Story(other.path.parent / "third", other.mode, other.written)
    other.path.rename(again.path)  # and once more, from a record that an installation after a move has written
    again.cpv("install")
    assert ran(again, "three.txt") == ["pre-commit"]


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("by", ["command", "script"])
@pytest.mark.parametrize("again", [True, False])
def test_uninstall_after_the_move_names_the_folder_where_it_is(tell: Tell, folder: str, by: str, again: bool) -> None:
    story = tell("live")
    hooks(story, folder)
    story.cpv("install")
    other = elsewhere(story)
    if again:
        other.cpv("install")
    if by == "command":
        other.cpv("uninstall")
    else:
        other.run("sh", ".git/cpv/uninstall")
    assert other.git("config", "core.hooksPath").lines == [str(other.path / folder)]
    assert ran(other, "two.txt") == ["pre-commit"]


@pytest.mark.parametrize("by", ["command", "script"])
@pytest.mark.parametrize("folder", FOLDERS)
def test_uninstall_where_nothing_was_moved_restores_the_very_words(tell: Tell, folder: str, by: str) -> None:
    story = tell("live")
    link = story.path.parent / "link"
    link.symlink_to(story.path)
    hooks(story, folder)
    story.git("config", "core.hooksPath", f"{link}/./{folder}")
    story.cpv("install")
    assert ran(story, "one.txt") == ["pre-commit"]
    if by == "command":
        story.cpv("uninstall")
    else:
        story.run("sh", ".git/cpv/uninstall")
    assert story.git("config", "core.hooksPath").lines == [f"{link}/./{folder}"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_linked_work_tree_runs_the_folder_that_the_path_names(tell: Tell, folder: str) -> None:
    """As Git itself does: it is one folder for all work trees, and those do not have it."""
    story = tell("live")
    hooks(story, folder)
    story.cpv("install")
    story.git("worktree", "add", "-q", "-b", "side", "../linked")
    linked = Shell(story.path.parent / "linked")
    assert ran(linked, "one.txt") == ["pre-commit"]
    other = elsewhere(story)
    other.git("worktree", "repair")
    linked.run("python", "-m", "dvc", "cpv", "install", "-q")
    assert ran(linked, "two.txt") == ["pre-commit"]
    assert ran(other, "three.txt") == ["pre-commit"]


def test_a_folder_that_did_not_come_along_is_named(tell: Tell) -> None:
    story = tell("live")
    path = hooks(story, ".myhooks")
    story.cpv("install")
    other = elsewhere(story)
    shutil.rmtree(other.path / ".myhooks")
    line = f"core.hooksPath named {path}, which is not a folder: its hooks do not run; "
    assert f"{line}fix: git config core.hooksPath FOLDER && dvc cpv install" in other.cpv("install").text
    assert ran(other, "two.txt") == []


@pytest.mark.parametrize("install", [True, False])
def test_another_monitor_is_asked_where_it_lies_now(tell: Tell, install: bool) -> None:
    story = tell("live")
    story.cpv("uninstall")
    monitor = story.write(".git/hooks/monitor", '#!/bin/sh\necho asked >>"$SEEN"\nprintf "/\\0"\n')
    monitor.chmod(0o755)
    story.git("config", "core.fsmonitor", monitor)
    story.cpv("install")
    other = elsewhere(story)
    if install:
        other.cpv("install")
    seen = other.path.parent / "seen"
    done = other.git("status", "--porcelain", env={"SEEN": str(seen)})
    assert (done.text, set(seen.read_text().split())) == ("", {"asked"})
    other.run("sh", ".git/cpv/uninstall")
    assert other.git("config", "core.fsmonitor").lines == [str(other.path / ".git/hooks/monitor")]


def test_hooks_of_all_repositories_that_lie_in_this_one(tell: Tell) -> None:
    story = tell("live")
    path = hooks(story, ".myhooks")
    story.git("config", "--unset", "core.hooksPath")
    story.git("config", "--global", "core.hooksPath", path)
    story.cpv("install")
    other = elsewhere(story)
    other.cpv("install")
    assert ran(other, "two.txt") == ["pre-commit"]
