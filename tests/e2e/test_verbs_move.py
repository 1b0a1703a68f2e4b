"""Verbs that change the work tree: artifacts follow, and what was not saved is never lost."""

from __future__ import annotations

import pytest

from e2e.conftest import Tell
from e2e.story import FIRST, Story, md5, refused

POINTERS = (" M data.dvc", " M metrics.log.dvc", " M model.bin.dvc")


def rescue_numbers(story: Story) -> list[str]:
    return [line.split()[0] for line in story.cpv("rescue", "list").lines if line.split()[0].isdigit()]


def hold_first(story: Story) -> None:
    """Every artifact is v0.0's, byte for byte."""
    for name, content in FIRST.items():
        assert story.read(name) == content.encode(), name


# checkout and switch


@pytest.mark.parametrize("verb", [["checkout", "-q"], ["switch", "-q", "--detach"], ["checkout", "-q", "-b", "old"]])
def test_checkout_of_a_tag_brings_its_artifacts(any_story: Story, verb: list[str]) -> None:
    story = any_story
    story.git(*verb, "v0.0")
    hold_first(story)
    story.check()
    story.git("checkout", "-q", "main")
    assert story.read("model.bin") == b"model 2\n"
    story.check()


def test_checkout_through_every_tag_and_back(live: Story) -> None:
    held = {"v0.0": live.md5("model.bin"), "v0.1": live.md5("model.bin")}
    live.git("checkout", "-q", "main")
    for number in (3, 4):
        live.train(number)
        live.git("commit", "-qm", f"checkpoint {number}")
    held = {}
    for tag in ("v0.3", "v0.2", "v0.1", "v0.0", "v0.2", "v0.3"):
        live.git("checkout", "-q", tag)
        seen = live.tree()
        assert held.setdefault(tag, seen) == seen
        live.agree()
    assert len({tuple(tree.items()) for tree in held.values()}) == 4
    live.check()


def test_checkout_with_unsaved_changes_is_refused_by_git(live: Story) -> None:
    live.train(3)
    before = live.tree()
    done = live.git("checkout", "v0.0", status=1)
    assert "would be overwritten by checkout" in done.err
    assert "model.bin.dvc" in done.err
    assert (live.branch(), live.tree()["model.bin"]) == ("main", before["model.bin"])
    live.check(*POINTERS)


@pytest.mark.parametrize("mode", ["shims", "pre-commit"])
def test_checkout_with_unsaved_changes_rescues_them(tell: Tell, mode: str) -> None:
    """Without live status Git cannot know, and lets the checkout happen."""
    story = tell(mode)
    story.train(3)
    held = story.tree("data")
    story.git("checkout", "-q", "v0.0")
    hold_first(story)
    story.check()
    assert rescue_numbers(story) == ["1", "2", "3"]
    listed = story.cpv("rescue", "list").out
    number = next(line.split()[0] for line in listed.splitlines() if "data" in line)
    story.cpv("rescue", "restore", number)
    assert story.tree("data") == held


def test_checkout_force_follows_git_and_loses_nothing(any_story: Story) -> None:
    story = any_story
    story.train(3)
    story.git("checkout", "-q", "-f", "v0.0")
    hold_first(story)
    story.check()


def test_checkout_of_the_same_content_keeps_unsaved_changes(story: Story) -> None:
    """Git carries local changes over to a branch that has the same files; artifacts too."""
    story.git("branch", "twin")
    story.train(3)
    story.git("checkout", "-q", "twin")
    assert story.read("model.bin") == b"model 3\n"
    story.git("commit", "-qam", "on the twin")
    assert story.saved("model.bin", "model 3\n")
    story.check()


def test_checkout_merge_flag(live: Story) -> None:
    """`checkout -m` merges by the driver; what cannot be merged is a conflict, and its content is in the cache."""
    live.put("model.bin", "model 3\n")
    live.git("checkout", "-q", "-m", "v0.0", status=None)
    live.nothing_is_lost()
    live.git("reset", "-q", "--hard")
    live.check()


def test_new_branch_with_unsaved_changes(story: Story) -> None:
    story.train(3)
    story.git("checkout", "-q", "-b", "idea")
    assert story.read("model.bin") == b"model 3\n"
    story.git("commit", "-qm", "idea")
    story.git("checkout", "-q", "main")
    assert story.read("model.bin") == b"model 2\n"
    story.check()


def test_orphan_branch(story: Story) -> None:
    story.git("checkout", "-q", "--orphan", "fresh")
    assert story.read("model.bin") == b"model 2\n"
    story.git("commit", "-qm", "fresh start")
    story.check()


def test_branch_without_dvc_and_back(any_story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Artifacts go with their pointers, as tracked files would, and come back with them."""
    story = any_story
    monkeypatch.setenv("PRE_COMMIT_ALLOW_NO_CONFIG", "1")
    story.empty_branch("website")
    story.git("checkout", "-q", "website")
    if story.has_shims:
        # pre-commit alone runs no hook where its own configuration is not there.
        assert not (story.path / "model.bin").exists()
        assert not (story.path / "data").exists()
        assert story.changes() == []
    story.write("index.html", "<html>\n")
    story.git("add", "index.html")
    story.git("commit", "-qm", "a page")
    assert story.git("ls-files").lines == ["index.html"]
    story.git("checkout", "-q", "main")
    assert story.read("model.bin") == b"model 2\n"
    story.check()


def test_branch_without_dvc_keeps_unsaved_content(story: Story) -> None:
    story.empty_branch("website")
    story.train(3)
    done = story.git("checkout", "-q", "website", status=None)
    assert (done.status != 0) == story.live
    assert story.read("model.bin") == b"model 3\n"
    story.nothing_is_lost()
    story.git("checkout", "-q", "-f", "main")
    story.nothing_is_lost()


# restore, checkout of files


def test_restore_of_a_pointer_restores_its_artifact(any_story: Story) -> None:
    story = any_story
    story.train(3)
    story.git("restore", "model.bin.dvc")
    if not story.live:
        # Git found the pointer unchanged and did nothing.
        story.git("restore", "--source", "HEAD", "model.bin.dvc")
    story.nothing_is_lost()
    if story.live:
        assert story.read("model.bin") == b"model 2\n"
        assert story.read("data/a.csv") == b"a 3\n"
        story.check(" M data.dvc", " M metrics.log.dvc")


def test_restore_everything(live: Story) -> None:
    live.train(3)
    live.git("restore", ".")
    assert live.read("model.bin") == b"model 2\n"
    live.check()


@pytest.mark.parametrize("verb", [["restore", "--source", "v0.0"], ["checkout", "v0.0", "--"]])
def test_one_artifact_of_another_version(any_story: Story, verb: list[str]) -> None:
    story = any_story
    story.git(*verb, "model.bin.dvc")
    if story.mode != "pre-commit":
        # pre-commit hides unstaged changes from its hooks, so that a restored pointer is seen by the next commit.
        assert story.read("model.bin") == FIRST["model.bin"].encode()
        assert story.read("data/a.csv") == b"a 2\n"
        story.check("M  model.bin.dvc" if verb[0] == "checkout" else " M model.bin.dvc")
    story.git("commit", "-qam", "the old model is better")
    assert story.saved("model.bin", FIRST["model.bin"])
    story.check()


def test_one_artifact_of_another_version_over_unsaved_changes(story: Story) -> None:
    story.train(3)
    story.git("checkout", "-q", "v0.0", "--", "model.bin.dvc")
    assert story.read("model.bin") == FIRST["model.bin"].encode()
    assert story.read("data/a.csv") == b"a 3\n"
    story.nothing_is_lost()


def test_restore_staged_leaves_the_artifact(live: Story) -> None:
    live.train(3)
    live.git("add", "-A")
    live.git("restore", "--staged", ".")
    assert live.read("model.bin") == b"model 3\n"
    live.check(*POINTERS)


# reset


def test_reset_hard_brings_back_the_saved_content(any_story: Story) -> None:
    story = any_story
    story.train(3)
    story.git("reset", "-q", "--hard")
    if story.has_shims:
        assert story.read("model.bin") == b"model 2\n" or not story.live
    story.nothing_is_lost()
    if story.live:
        story.check()


@pytest.mark.parametrize("target", ["v0.0", "HEAD~1"])
def test_reset_hard_to_another_version(story: Story, target: str) -> None:
    if story.mode == "shims" and target == "HEAD~1":
        target = "HEAD~2"
    story.git("reset", "-q", "--hard", target)
    hold_first(story)
    story.check()


def test_reset_hard_to_another_version_over_unsaved_changes(story: Story) -> None:
    story.train(3)
    story.git("reset", "-q", "--hard", "v0.0")
    hold_first(story)
    story.check()


def test_reset_hard_by_pre_commit_alone_is_followed_by_the_next_commit(tell: Tell) -> None:
    """Git runs no hook that pre-commit knows; the old content is never taken for a new checkpoint."""
    story = tell("pre-commit")
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    story.git("reset", "-q", "--hard", "HEAD~1")
    story.write("train.py", "print('go on')\n")
    story.git("commit", "-qam", "code")
    assert story.read("model.bin") == b"model 2\n"
    assert story.saved("model.bin", "model 2\n")
    story.check()


@pytest.mark.parametrize("kind", ["--soft", "--mixed"])
def test_reset_that_keeps_the_work_tree_keeps_artifacts(story: Story, kind: str) -> None:
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    story.git("reset", "-q", kind, "HEAD~1")
    assert story.read("model.bin") == b"model 3\n"
    story.check("M  model.bin.dvc" if kind == "--soft" else " M model.bin.dvc")
    story.git("commit", "-qam", "third again")
    assert story.saved("model.bin", "model 3\n")
    story.check()


@pytest.mark.parametrize("kind", ["--keep", "--merge"])
def test_reset_keep_and_merge(live: Story, kind: str) -> None:
    live.git("reset", "-q", kind, "v0.0")
    hold_first(live)
    live.check()
    live.put("model.bin", "model 3\n")
    refused(live.git("reset", kind, "v0.1", status=128), "not uptodate")
    assert live.read("model.bin") == b"model 3\n"
    live.check(" M model.bin.dvc")


# stash


def test_stash_and_pop(any_story: Story) -> None:
    story = any_story
    story.train(3)
    held = story.tree()
    done = story.git("stash")
    if "No local changes" in done.out:
        assert not story.live
        assert story.tree() == held
        return
    if story.has_shims:
        assert story.read("model.bin") == b"model 2\n"
        story.agree()
    story.git("stash", "pop")
    if story.has_shims:
        assert story.tree() == held | {name: digest for name, digest in story.tree().items() if name.endswith(".dvc")}
        story.check(*POINTERS)
    story.nothing_is_lost()


def test_stash_of_staged_pointers_without_live_status(tell: Tell) -> None:
    story = tell("shims")
    story.train(3)
    story.cpv("sync")
    story.git("add", "-A")
    story.git("stash")
    assert story.read("model.bin") == b"model 2\n"
    story.check()
    story.git("stash", "pop", "--index")
    assert story.read("model.bin") == b"model 3\n"
    story.check("M  data.dvc", "M  metrics.log.dvc", "M  model.bin.dvc")


def test_stash_push_of_one_pointer(live: Story) -> None:
    live.train(3)
    live.git("stash", "push", "-q", "--", "model.bin.dvc")
    assert live.read("model.bin") == b"model 2\n"
    assert live.read("data/a.csv") == b"a 3\n"
    live.check(" M data.dvc", " M metrics.log.dvc")


def test_stash_keep_index(live: Story) -> None:
    live.train(3)
    live.git("add", "model.bin.dvc")
    live.git("stash", "push", "-q", "--keep-index")
    assert live.read("model.bin") == b"model 3\n"
    assert live.read("data/a.csv") == b"a 2\n"
    live.check("M  model.bin.dvc")


def test_stash_pop_conflict_leaves_both_contents(live: Story) -> None:
    """The pointer has markers, as of any text in conflict; Git lists it as unmerged, and the user decides."""
    live.put("model.bin", "model 3\n")
    live.git("stash")
    live.put("model.bin", "model 4\n")
    live.git("commit", "-qm", "fourth")
    assert "CONFLICT" in live.git("stash", "pop", status=1).text
    assert live.changes() == ["UU model.bin.dvc"]
    assert b"<<<<<<< ours" in live.read("model.bin.dvc")
    refused(live.git("commit", "-m", "half merged", status=None), "unmerged")
    live.nothing_is_lost()
    live.git("checkout", "-q", "--theirs", "model.bin.dvc")
    live.git("add", "model.bin.dvc")
    live.git("commit", "-qm", "the stashed one")
    assert live.read("model.bin") == b"model 3\n"
    live.git("stash", "drop", "-q")
    live.check()


def test_stash_pop_conflict_with_merge_markers(live: Story) -> None:
    """Without the driver Git writes its markers into the pointer, which is then the user's."""
    (live.path / ".git/info/attributes").unlink()
    live.put("model.bin", "model 3\n")
    live.git("stash")
    live.put("model.bin", "model 4\n")
    live.git("commit", "-qm", "fourth")
    live.git("stash", "pop", status=1)
    pointer = live.read("model.bin.dvc")
    assert b"<<<<<<<" in pointer
    live.put("model.bin", "model 5\n")
    assert live.changes() == ["UU model.bin.dvc"]
    assert live.read("model.bin.dvc") == pointer, "never snapshotted over"
    refused(live.git("commit", "-am", "half merged", status=None), "model.bin.dvc")
    assert live.read("model.bin.dvc") == pointer
    live.git("checkout", "-q", "--theirs", "model.bin.dvc")
    live.nothing_is_lost()
    live.git("add", "model.bin.dvc")
    live.git("commit", "-qm", "settled")
    live.git("stash", "drop", "-q")
    live.check()


def test_stash_apply_on_another_branch(live: Story) -> None:
    live.put("metrics.log", "other\n")
    live.git("stash")
    live.git("checkout", "-q", "-b", "old", "v0.0")
    live.git("checkout", "-q", "v0.1", "--", "metrics.log.dvc")
    live.git("commit", "-qm", "metrics of the second")
    live.git("stash", "apply", "-q")
    assert live.read("metrics.log") == b"other\n"
    assert live.read("model.bin") == b"model 1\n"
    live.check(" M metrics.log.dvc")


def test_stash_drop_loses_nothing(live: Story) -> None:
    live.train(3)
    live.git("stash")
    live.git("stash", "drop", "-q")
    live.check()


def test_stash_untracked_and_all(live: Story) -> None:
    """`-u` takes a new pointer with it; `-a` takes ignored files too, artifacts among them."""
    live.put("model.bin", "model 3\n")
    live.write("new.txt", "new\n")
    live.git("stash", "push", "-q", "-u")
    assert live.read("model.bin") == b"model 2\n"
    live.check()
    live.git("stash", "pop", "-q")
    assert live.read("model.bin") == b"model 3\n"
    live.check(" M model.bin.dvc", "?? new.txt")


# clean


def test_clean_leaves_artifacts(story: Story) -> None:
    story.train(3)
    story.write("scratch.txt", "x\n")
    story.git("clean", "-fdq")
    assert not (story.path / "scratch.txt").exists()
    assert story.read("model.bin") == b"model 3\n"
    story.nothing_is_lost()


def test_clean_of_ignored_files_removes_artifacts_which_come_back(story: Story) -> None:
    """`git clean -fdX` is the user's own removal of everything ignored, the cache too where Git ignores it."""
    story.git("clean", "-fdXq", "-e", "!.dvc/cache", "-e", "!.dvc/config.local", "-e", "!.dvc/tmp")
    assert not (story.path / "model.bin").exists()
    story.git("checkout", "-q", "v0.0")
    hold_first(story)
    story.check()


def test_clean_on_a_branch_without_dvc(story: Story) -> None:
    story.empty_branch("website")
    story.git("checkout", "-q", "website")
    story.git("clean", "-fdq")
    assert (story.path / ".dvc/cache/files").exists(), "the cache holds content that may be nowhere else"
    story.git("checkout", "-q", "main")
    assert story.read("model.bin") == b"model 2\n"
    story.check()


def test_removed_artifact_comes_back_by_checkout(story: Story) -> None:
    (story.path / "model.bin").unlink()
    story.git("checkout", "-q", "v0.0")
    hold_first(story)
    story.check()


def test_removed_artifact_does_not_change_its_pointer(story: Story) -> None:
    (story.path / "model.bin").unlink()
    assert story.changes() == []
    assert "nothing to commit" in story.git("commit", "-am", "nothing", status=1).out
    story.cpv("sync")
    assert story.read("model.bin") == b"model 2\n"
    story.check()


def test_mv_of_a_pointer(story: Story) -> None:
    """`git mv` renames the pointer file; it still names its artifact."""
    story.git("mv", "model.bin.dvc", "weights.dvc")
    story.git("commit", "-qm", "rename the pointer")
    assert story.oid_at("HEAD", "weights.dvc") == md5("model 2\n")
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    assert story.oid_at("HEAD", "weights.dvc") == md5("model 3\n")
    assert "model.bin.dvc" not in story.git("ls-files").lines
    story.check()


@pytest.mark.compatibility("DVC", "`dvc move`, `dvc remove`")
def test_dvc_move_and_remove(story: Story) -> None:
    """DVC's own verbs work beside ours."""
    story.dvc("move", "-q", "metrics.log", "scores.log")
    story.git("add", "-A")
    story.git("commit", "-qm", "move")
    assert "scores.log.dvc" in story.git("ls-files").lines
    assert "metrics.log.dvc" not in story.git("ls-files").lines
    story.check()
