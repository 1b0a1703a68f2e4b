"""Verbs that make commits out of commits: cherry-pick, revert, rebase, bisect, and tags that follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.conftest import Tell
from e2e.story import FIRST, Story, refused


def checkpoints(story: Story, *numbers: int) -> None:
    for number in numbers:
        story.put("model.bin", f"model {number}\n")
        story.git("commit", "-qm", f"checkpoint {number}")


def test_cherry_pick(any_story: Story) -> None:
    story = any_story
    story.git("checkout", "-q", "-b", "side")
    story.put("metrics.log", "metrics 3\n")
    story.git("commit", "-qm", "metrics alone")
    story.git("checkout", "-q", "main")
    story.write("train.py", "print('other')\n")
    story.git("commit", "-qam", "code")
    story.git("cherry-pick", "side")
    if story.has_shims:
        assert story.read("metrics.log") == b"metrics 3\n"
        story.check()
    story.git("commit", "-qm", "go on", "--allow-empty")
    assert story.read("metrics.log") == b"metrics 3\n"
    story.check()


def test_cherry_pick_over_unsaved_changes(story: Story) -> None:
    story.git("checkout", "-q", "-b", "side")
    checkpoints(story, 3)
    story.git("checkout", "-q", "main")
    story.put("model.bin", "model 4\n")
    done = story.git("cherry-pick", "side", status=None)
    assert (done.status != 0) == story.live, done.text
    assert story.read("model.bin") == (b"model 4\n" if story.live else b"model 3\n")
    story.nothing_is_lost()


def test_cherry_pick_no_commit(story: Story) -> None:
    story.git("checkout", "-q", "-b", "side")
    checkpoints(story, 3)
    story.git("checkout", "-q", "main")
    story.git("cherry-pick", "-n", "side")
    assert story.read("model.bin") == b"model 3\n"
    story.agree("M  model.bin.dvc")
    story.git("commit", "-qm", "picked")
    story.check()


def test_cherry_pick_conflict_and_abort(story: Story) -> None:
    story.git("checkout", "-q", "-b", "side")
    checkpoints(story, 3)
    story.git("checkout", "-q", "main")
    checkpoints(story, 4)
    assert "CONFLICT" in story.git("cherry-pick", "side", status=1).text
    assert "UU model.bin.dvc" in story.changes()
    story.git("cherry-pick", "--abort")
    assert story.read("model.bin") == b"model 4\n"
    story.check()


def test_revert(any_story: Story) -> None:
    story = any_story
    checkpoints(story, 3)
    story.git("revert", "--no-edit", "HEAD")
    if story.has_shims:
        assert story.read("model.bin") == b"model 2\n"
        assert story.tags_at() == ["v0.3"], "a revert is a checkpoint"
    assert story.saved("model.bin", "model 2\n")
    story.git("commit", "-q", "--allow-empty", "-m", "go on")
    assert story.saved("model.bin", "model 2\n")
    assert story.read("model.bin") == b"model 2\n"
    story.check()


def test_rebase(any_story: Story) -> None:
    story = any_story
    story.git("checkout", "-q", "-b", "side")
    checkpoints(story, 3, 4)
    story.git("checkout", "-q", "main")
    story.write("train.py", "print('other')\n")
    story.git("commit", "-qam", "code")
    story.git("rebase", "-q", "main", "side")
    assert story.read("model.bin") == b"model 4\n"
    assert story.saved("model.bin", "model 3\n", "HEAD~1")
    assert [story.tags_at(rev) for rev in ("HEAD~1", "HEAD")] == [["v0.2"], ["v0.3"]], "tags follow a rebase"
    story.check()


def test_rebase_that_has_nothing_to_do(story: Story) -> None:
    checkpoints(story, 3)
    before, tags = story.head(), story.tags()
    story.git("rebase", "-q", "HEAD~1")
    assert (story.head(), story.tags()) == (before, tags)
    assert story.read("model.bin") == b"model 3\n"
    story.check()


def test_rebase_with_unsaved_changes_is_refused(live: Story) -> None:
    live.git("branch", "side", "HEAD~1")
    live.put("model.bin", "model 3\n")
    refused(live.git("rebase", "side", status=1), "unstaged changes")
    assert live.read("model.bin") == b"model 3\n"
    live.check(" M model.bin.dvc")


def test_rebase_autostash(live: Story) -> None:
    live.git("checkout", "-q", "-b", "side")
    live.write("train.py", "print('other')\n")
    live.git("commit", "-qam", "code")
    live.git("checkout", "-q", "main")
    live.put("model.bin", "model 3\n")
    live.git("rebase", "-q", "--autostash", "side")
    assert live.read("model.bin") == b"model 3\n"
    live.check(" M model.bin.dvc")


@pytest.mark.parametrize("mode", ["live", "shims"])
def test_interactive_rebase_that_stops_to_edit(tell: Tell, mode: str) -> None:
    story = tell(mode)
    checkpoints(story, 3, 4)
    story.git("rebase", "-q", "-i", "HEAD~2", env=story.editor("sed -i '1s/pick/edit/' \"$1\"", "sequence"))
    assert story.read("model.bin") == b"model 3\n"
    story.agree()
    story.put("metrics.log", "metrics 3\n")
    story.git("commit", "-q", "--amend", "--no-edit", "-a")
    story.git("rebase", "--continue", env=story.editor("true"))
    assert story.read("model.bin") == b"model 4\n"
    assert story.read("metrics.log") == b"metrics 3\n"
    assert story.branch() == "main"
    assert story.saved("metrics.log", "metrics 3\n", "HEAD~1")
    assert [story.tags_at(rev) for rev in ("HEAD~1", "HEAD")] == [["v0.2"], ["v0.3"]]
    story.check()


@pytest.mark.parametrize("verb", ["drop", "fixup", "squash"])
def test_interactive_rebase_that_drops_or_joins(story: Story, verb: str) -> None:
    checkpoints(story, 3)
    story.put("metrics.log", "metrics 4\n")
    story.git("commit", "-qm", "metrics 4")
    env = story.editor(f"case $1 in *todo) sed -i '2s/pick/{verb}/' \"$1\";; esac")
    story.git("rebase", "-q", "-i", "HEAD~2", env=env)
    kept = b'{"loss": 1}\n{"loss": 2}\n' if verb == "drop" else b"metrics 4\n"
    assert story.read("metrics.log") == kept
    assert story.read("model.bin") == b"model 3\n"
    story.check()


def test_rebase_conflict_and_abort(story: Story) -> None:
    story.git("checkout", "-q", "-b", "side")
    checkpoints(story, 3)
    story.git("checkout", "-q", "main")
    checkpoints(story, 4)
    tags = story.tags()
    story.git("rebase", "main", "side", status=1)
    story.nothing_is_lost()
    story.git("rebase", "--abort")
    assert story.git("rev-parse", "--abbrev-ref", "HEAD").out in ("main\n", "side\n")
    assert story.tags() == tags
    story.check()


def test_rebase_conflict_settled_and_continued(story: Story) -> None:
    story.git("checkout", "-q", "-b", "side")
    checkpoints(story, 3)
    story.git("checkout", "-q", "main")
    checkpoints(story, 4)
    story.git("rebase", "main", "side", status=1)
    story.git("checkout", "-q", "--theirs", "model.bin.dvc")
    story.git("add", "model.bin.dvc")
    story.git("rebase", "--continue", env=story.editor("true"))
    assert story.branch() == "side"
    assert story.read("model.bin") == b"model 3\n"
    story.check()


def test_rebase_exec_sees_each_version(story: Story) -> None:
    checkpoints(story, 3, 4)
    story.git(
        "rebase", "-q", "-i", "--exec", "cat model.bin >> .git/seen", "HEAD~2", env=story.editor("true", "sequence")
    )
    assert story.read(".git/seen") == b"model 3\nmodel 4\n"
    story.check()


def test_autosquash(story: Story) -> None:
    checkpoints(story, 3)
    story.put("metrics.log", "metrics 3\n")
    story.git("commit", "-q", "--fixup", "HEAD")
    story.git("rebase", "-q", "-i", "--autosquash", "HEAD~2", env=story.editor("true", "sequence"))
    assert story.saved("metrics.log", "metrics 3\n")
    assert story.git("log", "-1", "--format=%s").out == "checkpoint 3\n"
    story.check()


def test_am_of_a_patch(story: Story) -> None:
    checkpoints(story, 3)
    patch = story.git("format-patch", "-1", "--stdout").out
    story.git("reset", "-q", "--hard", "HEAD~1")
    story.git("am", "-q", input=patch)
    assert story.saved("model.bin", "model 3\n")
    story.git("status")
    if not story.live:
        story.cpv("sync")
    assert story.read("model.bin") == b"model 3\n"
    story.check()


@pytest.mark.parametrize("mode", ["live", "shims", "both"])
def test_bisect_run(tell: Tell, mode: str) -> None:
    """Each step finds the artifacts of its commit."""
    story = tell(mode)
    checkpoints(story, 3, 4, 5, 6)
    story.write(".git/probe.sh", "cat model.bin >> .git/seen\n! grep -q 'model [56]' model.bin\n")
    story.git("bisect", "start", "main", "v0.0")
    done = story.git("bisect", "run", "sh", ".git/probe.sh")
    assert "checkpoint 5" in done.out
    assert story.git("rev-parse", "refs/bisect/bad").out == story.git("rev-parse", "main~1").out
    story.agree()
    story.git("bisect", "reset")
    assert story.read("model.bin") == b"model 6\n"
    story.check()


def test_history_of_an_artifact_is_the_history_of_its_pointer(live: Story) -> None:
    checkpoints(live, 3)
    live.git("checkout", "-q", "HEAD~1", "--", "model.bin.dvc")
    live.git("commit", "-qm", "back to checkpoint 2")
    subjects = live.git("log", "--format=%s", "--", "model.bin.dvc").lines
    assert subjects == ["back to checkpoint 2", "checkpoint 3", "checkpoint 2", "checkpoint 1"]
    assert live.saved("model.bin", FIRST["model.bin"], "HEAD~3")
    live.check()


def test_replace_of_the_work_tree_by_read_tree(live: Story) -> None:
    live.git("read-tree", "-u", "--reset", "v0.0")
    assert live.read("model.bin") == FIRST["model.bin"].encode()
    live.git("reset", "-q", "--hard")
    live.check()


def test_hooks_do_not_see_a_foreign_repository(live: Story, tmp_path: Path) -> None:
    """A Git command about another repository, run inside ours, is that repository's business."""
    other = tmp_path / "other"
    live.git("init", "-q", other)
    live.put("model.bin", "model 3\n")
    live.git("-C", other, "commit", "-q", "--allow-empty", "-m", "elsewhere")
    assert not (other / ".git/cpv").exists()
    assert live.changes() == [" M model.bin.dvc"]
