"""A repository that is moved or copied, whose name a shell could misread, and hooks that know themselves by name."""

from __future__ import annotations

import shutil

import pytest

from e2e.conftest import Tell
from e2e.story import Story, install_hooks
from support.shell import Shell

pytestmark = pytest.mark.real_hooks

NAMED = 'echo "called $(basename "$0") beside $(cat "$(dirname "$0")/beside.txt")" >>../seen'
ODD = ["my drive", "it's", 'a "b"', "$HOME (1)", "a;touch hurt", "$(touch hurt)", "`touch hurt`"]


def at(story: Story, name: str) -> Story:
    return Story(story.path.parent / name, story.mode, story.written)


def seen(story: Shell) -> list[str]:
    path = story.path.parent / "seen"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


@pytest.mark.compatibility("Git layouts", "repository that was moved or renamed")
@pytest.mark.parametrize("way", ["move", "copy"])
def test_the_users_own_hook_runs_and_live_status_goes_on(tell: Tell, way: str) -> None:
    story = tell("live", hooks={"pre-commit": NAMED})
    story.write(".git/hooks/beside.txt", "me")
    other = at(story, "elsewhere")
    if way == "move":
        story.path.rename(other.path)
    else:
        shutil.copytree(story.path, other.path, symlinks=True)
        (story.path / ".git/hooks/pre-commit.cpv-chained").write_text("#!/bin/sh\necho wrong >>../seen\n")
    other.put("model.bin", "model 3\n")
    assert other.changes() == [" M model.bin.dvc"]
    other.git("commit", "-qm", "third")
    assert seen(other) == ["called pre-commit beside me"]
    assert other.tags_at() == ["v0.2"]
    assert "fail" not in other.cpv("doctor").out
    other.check()
    other.run("sh", ".git/cpv/uninstall")
    assert (other.path / ".git/hooks/pre-commit").read_text().endswith(f"{NAMED}\n")
    if way == "copy":
        assert "CPV hook shim" in (story.path / ".git/hooks/pre-commit").read_text()


def test_live_status_in_a_linked_work_tree(tell: Tell) -> None:
    story = tell("live")
    story.git("worktree", "add", "-q", "-b", "side", "../linked tree")
    linked = at(story, "linked tree")
    linked.put("model.bin", "model 3\n")
    done = linked.git("status", "--porcelain")
    assert (done.lines, done.err) == ([" M model.bin.dvc"], "")


@pytest.mark.compatibility("Git layouts", "repository that was moved or renamed")
@pytest.mark.parametrize("name", ODD)
def test_names_that_a_shell_could_misread(tell: Tell, name: str) -> None:
    story = tell("live", name=name, hooks={"pre-commit": NAMED})
    story.write(".git/hooks/beside.txt", "me")
    story.put("model.bin", "model 3\n")
    done = story.git("status", "--porcelain")
    assert (done.lines, done.err) == ([" M model.bin.dvc"], "")
    story.git("commit", "-qm", "third")
    assert seen(story) == ["called pre-commit beside me"]
    assert story.tags_at() == ["v0.2"]
    story.git("checkout", "-q", "v0.1")
    story.check()
    assert not list(story.path.parent.parent.rglob("hurt"))
    story.run("sh", ".git/cpv/uninstall")
    assert story.git("config", "core.fsmonitor", status=1).out == ""


def test_a_hook_that_pre_commit_keeps_sees_its_own_name(tell: Tell) -> None:
    story = tell("live")
    story.cpv("uninstall")
    story.write(".git/hooks/pre-commit", f"#!/bin/sh\n{NAMED}\n").chmod(0o755)
    story.write(".git/hooks/beside.txt", "me")
    story.python("-m", "pre_commit", "install")
    config = story.path / ".pre-commit-config.yaml"
    check = "      - {id: other, name: other, language: system, entry: 'true', stages: [pre-commit]}\n"
    config.write_text(config.read_text() + check)
    install_hooks(story, "live", real_hooks=True)
    story.git("commit", "-qam", "code")
    assert seen(story) == ["called pre-commit beside me"]
