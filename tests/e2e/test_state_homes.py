"""State that is looked for where it was written, and hooks that do not come back."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.conftest import Tell
from e2e.story import Story

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
