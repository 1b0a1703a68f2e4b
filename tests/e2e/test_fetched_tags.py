"""Version tags that came from the Git host and name commits that no branch of it has."""

from __future__ import annotations

import pygit2
import pytest

from e2e.conftest import Tell
from e2e.story import Story, refused


@pytest.fixture(params=["branch gone", "shallow"])
def clone(request: pytest.FixtureRequest, tell: Tell) -> Story:
    """A clone of a host with v0.0 to v0.3, in which v0.2 is on no branch that it knows, and which has pushed v0.4."""
    story = tell("live")
    host = story.path.parent / "host.git"
    story.git("init", "-q", "--bare", host)
    story.git("remote", "add", "origin", host)
    depth = ["--depth", "1"] if request.param == "shallow" else []
    if not depth:
        story.git("checkout", "-qb", "side")
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    if not depth:
        story.git("checkout", "-q", "main")
    story.put("model.bin", "model 4\n")
    story.git("commit", "-qm", "fourth")
    assert story.tags_at() == ["v0.3"]
    story.git("push", "-q", "origin", "main", "--tags")
    other = Story(story.path.parent / "other")
    story.cpv("clone", f"file://{host}", other.path, *depth)
    assert other.git("tag", "-l", "v*").lines == ["v0.0", "v0.1", "v0.2", "v0.3"]
    assert other.git("branch", "-r", "--contains", "v0.2").lines == []
    other.put("model.bin", "model 5\n")
    other.git("commit", "-qm", "fifth")
    assert other.tags_at() == ["v0.4"]
    other.git("push", "-q", "--follow-tags")
    return other


def test_nobody_is_told_to_delete_them(clone: Story) -> None:
    assert "tag: " not in clone.cpv("status").out
    clone.put("model.bin", "model 6\n")
    assert "is not higher" not in clone.git("commit", "-qm", "sixth").err
    # What a client without hooks makes here is still found.
    pygit2.Repository(str(clone.path)).references.create("refs/tags/v0.1.1", clone.head())
    assert "tag: 'v0.1.1' is not a version" in clone.cpv("status").out


def test_they_never_move(clone: Story) -> None:
    before = clone.git("rev-parse", "v0.2").out
    done = clone.git("tag", "-f", "v0.2", "HEAD", status=None)
    refused(done, "v0.2 is published, and a published tag never moves")
    clone.git("checkout", "-q", "-b", "again", "v0.2")
    clone.put("model.bin", "model 7\n")
    clone.git("commit", "-q", "--amend", "-m", "amended")
    assert clone.git("rev-parse", "v0.2").out == before
    assert "v0.5" in clone.tags_at()
