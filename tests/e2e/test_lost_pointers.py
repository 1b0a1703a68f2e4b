"""Pointers that go with their folder: a job that empties its output folder, `git clean`, `git stash -u`."""

from __future__ import annotations

import shutil

import pytest

from e2e.conftest import Tell
from e2e.story import Story


def _name(story: Story) -> Story:
    text = story.read(".cpv.toml").decode()
    story.write(".cpv.toml", text.replace('["model.bin"]', '["model.bin", "out/best.pt", "out/last"]'))
    story.git("commit", "-qam", "settings")
    return story


@pytest.fixture
def named(live: Story) -> Story:
    """A story whose settings name a file and a folder that are not there yet."""
    return _name(live)


def _train(story: Story, content: str) -> None:
    """What a job does that begins with `shutil.rmtree("out")`."""
    shutil.rmtree(story.path / "out", ignore_errors=True)
    story.put("out/best.pt", f"{content}\n")
    story.put("out/last/one.bin", f"{content} one\n")


def _is_committed(story: Story, content: str) -> None:
    assert story.saved("out/best.pt", f"{content}\n")
    assert story.changes() == []
    story.check()


def test_an_output_folder_that_each_run_empties_is_versioned(named: Story) -> None:
    _train(named, "first")
    named.git("add", "-A")
    named.git("commit", "-qm", "first")
    _is_committed(named, "first")
    _train(named, "second")
    done = named.git("status", "--short")
    assert done.lines == [" M out/best.pt.dvc", " M out/last.dvc"]
    assert (
        "cpv: out/best.pt: written again and its pointer was gone, so it counts as changed; "
        "to stop tracking it: git rm out/best.pt.dvc" in done.err
    )
    named.git("commit", "-qam", "second")
    _is_committed(named, "second")
    assert named.tags_at() == ["v0.3"]
    shutil.rmtree(named.path / "out")
    assert " D out/best.pt.dvc" in named.git("status", "--short").lines
    _train(named, "third")
    named.git("commit", "-qm", "third")
    _is_committed(named, "third")


def test_a_folder_that_is_emptied_twice_between_two_commits(named: Story) -> None:
    """The pointer of Git's index comes back, which knows nothing of what was saved in between."""
    _train(named, "first")
    named.git("commit", "-qm", "first")
    for content in ("second", "third"):
        _train(named, content)
        assert named.git("status", "--short").lines == [" M out/best.pt.dvc", " M out/last.dvc"]
    named.git("commit", "-qam", "third")
    _is_committed(named, "third")


def test_a_new_artifact_whose_pointer_goes_before_any_commit(named: Story) -> None:
    for content in ("first", "second"):
        _train(named, content)
        assert "?? out/" in named.git("status", "--short").lines
    shutil.rmtree(named.path / "out")
    named.git("status")
    _train(named, "third")
    named.git("status")
    named.git("clean", "-qfd")
    named.git("commit", "-qm", "third")
    _is_committed(named, "third")


def test_a_new_artifact_goes_into_a_stash_and_comes_back(named: Story) -> None:
    _train(named, "first")
    named.git("status")
    named.git("stash", "-q", "-u")
    assert not (named.path / "out").exists()
    assert named.changes() == []
    named.git("stash", "pop", "-q")
    named.git("status")
    assert named.read("out/best.pt") == b"first\n"
    named.git("add", "-A")
    named.git("commit", "-qm", "first")
    _is_committed(named, "first")


def test_what_dvc_remove_let_go_stays_out(named: Story) -> None:
    _train(named, "first")
    named.git("add", "-A")
    named.git("commit", "-qm", "first")
    for file in ("out/best.pt.dvc", "model.bin.dvc"):
        named.dvc("remove", "-q", file)
    named.put("model.bin", "trained on\n")
    named.git("commit", "-qam", "let go")
    assert not {"out/best.pt.dvc", "model.bin.dvc"}.intersection(named.git("ls-files").lines)
    assert named.read("model.bin") == b"trained on\n"


@pytest.mark.parametrize("way", ["shims", "pre-commit"])
@pytest.mark.parametrize(
    "words",
    ["-qam second", "-qm second -- out", "-qi -m second -- out", "-qam second --amend", "-qm second ."],
)
def test_without_live_status_a_commit_sees_that_the_folder_was_written_anew(tell: Tell, way: str, words: str) -> None:
    """`git commit -a` has staged by then that the pointers are gone."""
    story = _name(tell(way))
    _train(story, "first")
    story.write("train.py", "print('more')\n")
    story.git("add", "train.py")
    story.git("commit", "-qm", "first")
    _train(story, "second")
    story.git("commit", *words.split())
    taken = {line.split("\t")[1] for line in story.git("show", "--format=", "--name-status", "HEAD").lines}
    assert taken - {"out/.gitignore", "train.py"} == {"out/best.pt.dvc", "out/last.dvc"}
    assert {"out/best.pt.dvc", "out/last.dvc", "out/.gitignore"} < set(story.git("ls-files").lines)
    _is_committed(story, "second")


def test_without_live_status_a_commit_of_nothing_else(tell: Tell) -> None:
    story = _name(tell("shims"))
    for content in ("first", "second"):
        _train(story, content)
        story.git("commit", "-qm", content)
        _is_committed(story, content)


def test_the_framework_has_set_aside_that_a_pointer_is_gone(tell: Tell) -> None:
    """Its advice must not be one that takes the artifact out of Git."""
    story = _name(tell("pre-commit"))
    _train(story, "first")
    story.git("commit", "-qm", "first")
    _train(story, "second")
    done = story.git("commit", "-qm", "second", status=1)
    fix = "git checkout -- out/best.pt.dvc out/last.dvc out/.gitignore"
    why = "was removed, which pre-commit has stashed"
    assert f"cpv: out/best.pt.dvc: {why}; fix: {fix}, then commit again (to stop keeping it, git rm out/" in done.err
    story.git(*fix.split()[1:])
    story.git("commit", "-qm", "second")
    _is_committed(story, "second")


@pytest.mark.parametrize("way", ["shims", "pre-commit"])
def test_without_live_status_a_pointer_that_was_taken_out_stays_out(tell: Tell, way: str) -> None:
    story = _name(tell(way))
    _train(story, "first")
    story.git("commit", "-qm", "first")
    story.git("rm", "-q", "model.bin.dvc")
    story.put("model.bin", "trained on\n")
    (story.path / "out/best.pt.dvc").unlink()  # its artifact is as it was
    story.git("commit", "-qam", "let go")
    listed = story.git("ls-files").lines
    assert "out/last.dvc" in listed
    assert not {"out/best.pt.dvc", "model.bin.dvc"}.intersection(listed)
    assert story.read("model.bin") == b"trained on\n"
    assert story.changes() == []
