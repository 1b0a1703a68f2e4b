"""DVC's own settings and commands at work in a repository that CPV looks after."""

from __future__ import annotations

from e2e.conftest import Tell
from e2e.story import DVC_CONFIG


def test_locks_that_are_links(tell: Tell) -> None:
    """`core.hardlink_lock`, for file systems without `flock`: neither tool leaves a lock that keeps the other out."""
    config = DVC_CONFIG.replace("[core]\n", "[core]\n    hardlink_lock = true\n    autostage = true\n")
    story = tell("live", files={".dvc/config": config})
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    story.cpv("prune", "--yes")
    story.put("model.bin", "model 4\n")
    story.dvc("add", "-q", "model.bin")
    assert story.git("status", "--porcelain").text == "M  model.bin.dvc\n"
    story.git("commit", "-qm", "fourth")
    assert story.tags_at() == ["v0.3"]
    story.check()
