"""Pointers that go with their folder: a job that empties its output folder, `git clean`, `git stash -u`."""

from __future__ import annotations

import shutil

import pytest

from tests.support.story import Story


@pytest.fixture
def named(live: Story) -> Story:
    """A story whose settings name a file and a folder that are not there yet."""
    text = live.read(".cpv.toml").decode()
    live.write(".cpv.toml", text.replace('["model.bin"]', '["model.bin", "out/best.pt", "out/last"]'))
    live.git("commit", "-qam", "settings")
    return live


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
