"""Folders that an artifact leaves empty go with it, as Git's own do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from e2e.conftest import Tell
from e2e.story import Story

WEIGHTS = "weights 1\n"
VERBS: dict[str, Callable[[Story], object]] = {
    "checkout": lambda story: story.git("checkout", "-q", "v0.1"),
    "reset": lambda story: story.git("reset", "-q", "--hard", "HEAD^"),
    "revert": lambda story: story.git("revert", "--no-edit", "HEAD"),
}


def begin(tell: Tell, artifact: str, inner: str = "") -> Story:
    """On a version that has an artifact deep down, after two that do not."""
    story = tell("live")
    story.put(f"deep/er/{artifact}{inner}", WEIGHTS)
    story.dvc("add", "-q", f"deep/er/{artifact}")
    story.git("add", "-A")
    story.git("commit", "-qm", "more")
    return story


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("inner", ["", "/in/side"])
def test_they_go_with_the_artifact(tell: Tell, verb: str, inner: str) -> None:
    story = begin(tell, "weights.bin", inner)
    VERBS[verb](story)
    assert not (story.path / "deep").exists()
    story.git("checkout", "-q", "-f", story.git("rev-parse", "HEAD@{1}").out.strip())
    assert story.read(f"deep/er/weights.bin{inner}") == WEIGHTS.encode()


def test_what_lies_beside_it_stays(tell: Tell) -> None:
    story = begin(tell, "weights.bin")
    story.write("deep/notes.txt", "mine")
    story.git("checkout", "-q", "v0.1")
    assert [path.name for path in (story.path / "deep").iterdir()] == ["notes.txt"]


def test_the_folder_that_somebody_is_in_stays(tell: Tell) -> None:
    story = begin(tell, "weights.bin")
    story.git("checkout", "-q", "v0.1", cwd="deep/er")
    assert list((story.path / "deep/er").iterdir()) == []
    story.git("checkout", "-q", "main")
    assert story.read("deep/er/weights.bin") == WEIGHTS.encode()
