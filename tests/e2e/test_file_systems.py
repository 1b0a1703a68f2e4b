"""A repository on file systems that are not a plain disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.conftest import Tell
from e2e.story import Story
from support import mounts


def the_story(story: Story) -> None:
    story.agree()
    story.train(3)
    assert story.git("commit", "-qm", "third").text == "cpv: tagged v0.2 data-v0.2\n"
    story.agree()
    story.git("checkout", "-q", "v0.0")
    assert story.read("model.bin") == b"model 1\n"
    story.git("checkout", "-q", "main")
    story.put("data/a.csv", "unsaved\n")
    story.git("stash")
    assert story.read("data/a.csv") == b"a 3\n"
    story.git("stash", "pop")
    story.agree(" M data.dvc")
    story.nothing_is_lost()


@pytest.mark.compatibility("Platforms", "overlayfs: a repository in the image of a container")
def test_overlayfs(tell: Tell, tmp_path: Path) -> None:
    image = tell("live")
    before = image.tree()
    with mounts.overlay(image.path.parent, tmp_path / "container") as container:
        the_story(Story(container / image.path.name, image.mode, image.written))
    assert image.tree() == before
    image.agree()


@pytest.mark.compatibility("Platforms", "tmpfs")
@pytest.mark.compatibility("Platforms", "ext4")
@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
def test_disk(tell: Tell, tmp_path: Path, kind: str) -> None:
    (tmp_path / "story").mkdir()
    mounted = mounts.small_disk if kind == "tmpfs" else mounts.disk
    with mounted(tmp_path / "story", "40M"):
        the_story(tell("live"))


@pytest.mark.compatibility("Platforms", "a container to which the folder of an artifact is a volume of the same disk")
def test_artifacts_that_are_mounted_apart(tell: Tell) -> None:
    story = tell("live")
    with mounts.bound(story.path / "data"):
        the_story(story)
        assert [path.name for path in (story.path / "data").iterdir() if path.name.endswith(".cpv-tmp")] == []
