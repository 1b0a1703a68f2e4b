"""What only the newest Git can: `git history`, `git replay`, `git refs migrate`. For the job `newest-git` alone."""

from __future__ import annotations

import pytest

from e2e.conftest import Tell
from e2e.story import Story, md5


@pytest.mark.compatibility(
    "Git settings and versions",
    "`git history reword`, `split` (Git 2.54)",
    limit="Git runs no `post-rewrite` hook for it, so versions stay on the old commits",
)
def test_history(tell: Tell) -> None:
    """What it makes of commits is brought; each version keeps its commit, and the next one gets the next number."""
    story = tell("live")
    versions, made = five_versions(story)
    story.git("history", "reword", "HEAD~1", env=story.editor('echo "another word" >"$1"'))
    assert story.git("log", "-1", "--format=%s", "HEAD~1").out == "another word\n"
    assert story.read("model.bin") == b"model 5\n"
    story.check()
    story.git("history", "split", "HEAD~1", input="y\nn\nn\n", env=story.editor('echo "a half" >"$1"'))
    assert story.git("rev-list", "--count", "HEAD").out == "6\n"
    assert story.read("model.bin") == b"model 5\n"
    story.check()
    goes_on(story, versions, made)


@pytest.mark.compatibility(
    "Git settings and versions",
    "`git history drop` (Git 2.56)",
    limit="Git runs no `post-rewrite` hook for it, so versions stay on the old commits",
)
def test_history_drop(tell: Tell) -> None:
    story = tell("live")
    if "git history drop" not in story.git("history", "-h", status=129).text:
        pytest.skip("this Git has no `git history drop`")
    versions, made = five_versions(story)
    story.write("notes.txt", "one note\n")
    story.git("commit", "-qam", "a note")
    story.git("history", "drop", "HEAD~1")
    assert story.read("model.bin") == b"model 4\n"
    assert story.read("notes.txt") == b"one note\n"
    story.check()
    goes_on(story, versions, made)


def five_versions(story: Story) -> tuple[list[str], list[str]]:
    """Three more versions: the names of all, and their commits."""
    for number in (3, 4, 5):
        story.train(number)
        story.git("commit", "-qm", f"checkpoint {number}")
    versions = story.tags()
    return versions, story.git("rev-parse", *versions).lines


def goes_on(story: Story, versions: list[str], made: list[str]) -> None:
    assert (story.tags(), story.git("rev-parse", *versions).lines) == (versions, made)
    story.train(6)
    assert "cpv: tagged v0.5 data-v0.5" in story.git("commit", "-qm", "checkpoint 6").text
    story.git("checkout", "-q", "v0.4")
    assert story.read("model.bin") == b"model 5\n"
    story.check()


@pytest.mark.compatibility("Git layouts", "linked work tree with relative paths (Git 2.48)")
def test_a_linked_work_tree_with_relative_paths(tell: Tell) -> None:
    """The folder that holds both moves, and nothing has to be repaired."""
    story = tell("live")
    story.git("worktree", "add", "-q", "--relative-paths", "-b", "side", "../linked")
    assert (story.path.parent / "linked/.git").read_text().startswith("gitdir: ../")
    moved = story.path.parent.rename(story.path.parent.with_name("elsewhere"))
    side, main = Story(moved / "linked", story.mode, story.written), Story(moved / "repo", story.mode, story.written)
    for number, tree in enumerate((side, main), start=3):
        tree.train(number)
        tree.git("commit", "-qm", f"checkpoint {number}")
        assert tree.saved("model.bin", f"model {number}\n")
        tree.agree()
    main.git("checkout", "-q", "v0.2")
    assert main.read("model.bin") == b"model 3\n"
    main.check()


@pytest.mark.compatibility("Git settings and versions", "`git replay` (Git 2.44)")
def test_replay(tell: Tell) -> None:
    """It moves branches, and nothing in the work tree; a checkout brings what came of it."""
    story = tell("live")
    story.git("checkout", "-q", "-b", "side")
    story.put("metrics.log", "metrics 3\n")
    story.git("commit", "-qm", "metrics alone")
    story.git("checkout", "-q", "main")
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "a model")
    story.git("replay", "--onto", "main", "main..side")
    story.check()
    story.git("checkout", "-q", "side")
    assert story.git("log", "--format=%s", "-2").lines == ["metrics alone", "a model"]
    assert [story.read(name) for name in ("model.bin", "metrics.log")] == [b"model 3\n", b"metrics 3\n"]
    story.check()


@pytest.mark.compatibility(
    "Git layouts",
    "references in a reftable (Git 2.45), `git refs migrate`",
    limit="a commit of data alone has to be repeated",
)
def test_reftable(tell: Tell) -> None:
    story = tell("live")
    versions = story.tags()
    story.git("refs", "migrate", "--ref-format=reftable")
    assert story.tags() == versions
    story.train(3)
    said = story.git("commit", "-qm", "third", status=1).text
    assert "cpv: artifacts staged; the refs are not stored in files, so run the same git commit again" in said
    assert "cpv: tagged v0.2 data-v0.2" in story.git("commit", "-qm", "third").text
    story.git("tag", "v1.0")
    assert md5("model 3\n") in story.stored()
    story.git("checkout", "-q", "v0.0")
    assert story.read("model.bin") == b"model 1\n"
    story.git("checkout", "-q", "main")
    story.put("model.bin", "unsaved\n")
    story.git("stash", "-q")
    story.git("stash", "pop", "-q")
    assert story.read("model.bin") == b"unsaved\n"
    story.git("commit", "-qam", "fourth")
    story.git("refs", "migrate", "--ref-format=files")
    story.train(5)
    story.git("commit", "-qm", "fifth")
    assert story.read("model.bin") == b"model 5\n"
    story.check()
