"""Merges: DVC's driver joins what can be joined, and a conflict in a pointer is the user's."""

from __future__ import annotations

import pytest

from e2e.conftest import Tell
from e2e.story import FIRST, Story, refused


def fork(story: Story, ours: dict[str, str], theirs: dict[str, str]) -> None:
    """Two branches that changed different things, or the same."""
    story.git("checkout", "-q", "-b", "theirs")
    for name, content in theirs.items():
        story.put(name, content)
    story.git("commit", "-qam", "theirs")
    story.git("checkout", "-q", "main")
    for name, content in ours.items():
        story.put(name, content)
    story.git("commit", "-qam", "ours")


def test_fast_forward(any_story: Story) -> None:
    story = any_story
    story.git("checkout", "-q", "-b", "old", "v0.0")
    assert story.read("model.bin") == FIRST["model.bin"].encode()
    story.git("merge", "-q", "--ff-only", "main")
    assert story.read("model.bin") == b"model 2\n"
    story.check()


def test_up_to_date_merge_changes_nothing(story: Story) -> None:
    story.train(3)
    story.git("merge", "v0.0")
    assert story.read("model.bin") == b"model 3\n"
    story.nothing_is_lost()


def test_fast_forward_over_unsaved_changes(story: Story) -> None:
    """Git refuses where it can see them; where it cannot, they are rescued."""
    story.git("checkout", "-q", "-b", "old", "v0.0")
    story.put("model.bin", "model 3\n")
    done = story.git("merge", "-q", "main", status=None)
    assert (done.status != 0) == story.live, done.text
    assert story.read("model.bin") == (b"model 3\n" if story.live else b"model 2\n")
    story.check(*((" M model.bin.dvc",) if story.live else ()))


def test_merge_of_different_artifacts(any_story: Story) -> None:
    story = any_story
    fork(story, {"model.bin": "model ours\n"}, {"metrics.log": "metrics theirs\n"})
    story.git("merge", "-q", "--no-edit", "theirs")
    assert story.read("model.bin") == b"model ours\n"
    assert story.read("metrics.log") == b"metrics theirs\n"
    assert len(story.git("log", "-1", "--format=%P").out.split()) == 2
    story.check()


@pytest.mark.parametrize("mode", ["live", "shims", "both"])
def test_merge_of_folders_to_which_both_sides_added(tell: Tell, mode: str) -> None:
    """DVC's merge driver joins them, and the merge commit is a checkpoint of its own."""
    story = tell(mode)
    fork(story, {"data/ours.csv": "ours\n"}, {"data/theirs.csv": "theirs\n"})
    before = set(story.tags())
    story.git("merge", "-q", "--no-edit", "theirs")
    assert story.read("data/ours.csv") == b"ours\n"
    assert story.read("data/theirs.csv") == b"theirs\n"
    assert len(set(story.tags()) - before) == 1, "one data tag"
    assert set(story.tags_at()) == set(story.tags()) - before
    assert story.cached() == story.stored(), "what a merge made is uploaded as well"
    story.check()


def test_merge_with_unsaved_changes_in_another_artifact(story: Story) -> None:
    """As with a file of Git's: what the merge does not touch keeps its changes."""
    fork(story, {"model.bin": "model ours\n"}, {"metrics.log": "metrics theirs\n"})
    story.put("data/a.csv", "a unsaved\n")
    story.git("merge", "-q", "--no-edit", "theirs")
    assert story.read("data/a.csv") == b"a unsaved\n"
    assert story.read("metrics.log") == b"metrics theirs\n"
    story.nothing_is_lost()


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_conflict_in_a_pointer_is_settled_by_the_user(any_story: Story, side: str) -> None:
    story = any_story
    fork(story, {"model.bin": "model ours\n"}, {"model.bin": "model theirs\n"})
    assert "CONFLICT" in story.git("merge", "theirs", status=1).out
    assert "UU model.bin.dvc" in story.changes()
    refused(story.git("commit", "-m", "half merged", status=None), "unmerged")
    assert "UU model.bin.dvc" in story.changes()
    # pre-commit itself refuses to run a post-checkout hook where files are unmerged.
    story.git("checkout", "-q", f"--{side}", "model.bin.dvc", status=None if story.mode == "pre-commit" else 0)
    story.git("add", "model.bin.dvc")
    story.git("commit", "-qm", f"merged: {side}")
    assert story.read("model.bin") == f"model {side}\n".encode()
    assert story.saved("model.bin", f"model {side}\n")
    story.check()


def test_conflict_with_merge_markers_is_never_snapshotted_over(story: Story) -> None:
    (story.path / ".git/info/attributes").unlink()
    fork(story, {"model.bin": "model ours\n"}, {"model.bin": "model theirs\n"})
    story.git("merge", "theirs", status=1)
    pointer = story.read("model.bin.dvc")
    assert b">>>>>>> theirs" in pointer
    story.put("model.bin", "model between\n")
    story.git("status")
    story.git("diff")
    assert story.read("model.bin.dvc") == pointer
    refused(story.git("commit", "-am", "half merged", status=None), "model.bin.dvc")
    assert story.read("model.bin.dvc") == pointer
    story.git("checkout", "-q", "--theirs", "model.bin.dvc")
    story.git("add", "model.bin.dvc")
    story.nothing_is_lost()


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_conflict_settled_in_the_file_is_taken_by_commit_a(story: Story, side: str) -> None:
    fork(story, {"model.bin": "model ours\n"}, {"model.bin": "model theirs\n"})
    story.git("merge", "theirs", status=1)
    story.git("checkout", "-q", f"--{side}", "model.bin.dvc")
    story.git("commit", "-qam", f"merged: {side}")
    assert len(story.git("log", "-1", "--format=%P").out.split()) == 2
    assert story.read("model.bin") == f"model {side}\n".encode()
    assert story.saved("model.bin", f"model {side}\n")
    story.check()


def test_conflict_and_abort(any_story: Story) -> None:
    story = any_story
    fork(story, {"model.bin": "model ours\n"}, {"model.bin": "model theirs\n", "metrics.log": "metrics theirs\n"})
    story.git("merge", "theirs", status=1)
    story.git("merge", "--abort")
    if story.has_shims:
        assert story.read("model.bin") == b"model ours\n"
        assert story.read("metrics.log") == b'{"loss": 1}\n{"loss": 2}\n'
        story.check()
    story.nothing_is_lost()


def test_new_content_is_trained_during_a_conflict(live: Story) -> None:
    """The model is trained again to settle the conflict: the new content is what gets committed."""
    fork(live, {"model.bin": "model ours\n"}, {"model.bin": "model theirs\n"})
    live.git("merge", "theirs", status=1)
    live.put("model.bin", "model joined\n")
    live.git("add", "model.bin.dvc")
    live.git("commit", "-qm", "merged by training")
    assert live.read("model.bin") == b"model joined\n"
    assert live.saved("model.bin", "model joined\n")
    live.check()


@pytest.mark.parametrize("option", ["-Xours", "-Xtheirs", "-sours"])
def test_merge_strategies(story: Story, option: str) -> None:
    (story.path / ".git/info/attributes").unlink()
    fork(story, {"model.bin": "model ours\n"}, {"model.bin": "model theirs\n"})
    story.git("merge", "-q", "--no-edit", option, "theirs")
    side = "theirs" if option == "-Xtheirs" else "ours"
    assert story.read("model.bin") == f"model {side}\n".encode()
    story.check()


def test_squash(story: Story) -> None:
    fork(story, {"model.bin": "model ours\n"}, {"metrics.log": "metrics theirs\n"})
    story.git("merge", "-q", "--squash", "theirs")
    assert story.read("metrics.log") == b"metrics theirs\n"
    story.agree("M  metrics.log.dvc")
    story.git("commit", "-qm", "squashed")
    story.check()


def test_no_commit_then_commit(story: Story) -> None:
    fork(story, {"model.bin": "model ours\n"}, {"metrics.log": "metrics theirs\n"})
    story.git("merge", "-q", "--no-commit", "theirs")
    assert story.read("metrics.log") == b"metrics theirs\n"
    story.put("data/a.csv", "a while merging\n")
    story.git("commit", "-qam", "merged")
    assert len(story.git("log", "-1", "--format=%P").out.split()) == 2
    story.check()


def test_merge_deletes_an_artifact(story: Story) -> None:
    story.git("checkout", "-q", "-b", "theirs")
    story.git("rm", "-q", "metrics.log.dvc")
    (story.path / "metrics.log").unlink()
    story.git("commit", "-qm", "no metrics")
    story.git("checkout", "-q", "main")
    assert (story.path / "metrics.log").exists()
    story.git("merge", "-q", "theirs")
    assert not (story.path / "metrics.log").exists()
    story.check()


def test_data_only_commit_after_a_merge_in_progress_is_not_detoured(story: Story) -> None:
    """A merge that awaits its commit has no detour: Git commits it whatever changed."""
    fork(story, {"model.bin": "model ours\n"}, {"model.bin": "model theirs\n"})
    story.git("merge", "theirs", status=1)
    story.git("checkout", "-q", "--ours", "model.bin.dvc")
    story.git("add", "model.bin.dvc")
    story.put("metrics.log", "metrics while merging\n")
    story.git("commit", "-qm", "merged")
    assert len(story.git("log", "-1", "--format=%P").out.split()) == 2
    assert story.saved("metrics.log", "metrics while merging\n")
    story.check()


@pytest.mark.parametrize("mode", ["live", "shims"])
def test_pull_brings_what_a_colleague_pushed(tell: Tell, mode: str) -> None:
    story = tell(mode)
    host = story.path.parent / "host.git"
    story.git("clone", "-q", "--bare", ".", host)
    story.git("remote", "add", "origin", host)
    story.git("fetch", "-q")
    story.git("branch", "-q", "-u", "origin/main")
    colleague = tell(mode, name="colleague")
    colleague.git("remote", "add", "origin", host)
    colleague.git("pull", "-q", "--rebase", "origin", "main")
    colleague.write(".dvc/config.local", f"['remote \"storage\"']\n    url = {story.path.parent / 'storage'}\n")
    colleague.train(3)
    colleague.git("commit", "-qm", "third")
    colleague.git("push", "-q", "origin", "HEAD:main")
    story.git("pull", "-q")
    assert story.read("model.bin") == b"model 3\n"
    assert story.read("data/a.csv") == b"a 3\n"
    story.check()
