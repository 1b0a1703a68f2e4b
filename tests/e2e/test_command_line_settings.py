"""Settings of one command (`git -c`, `GIT_CONFIG_COUNT`) reach the Git commands that hooks run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from e2e.conftest import Tell
from e2e.story import Story

WHO = {"user.name": "Somebody", "user.email": "somebody@example.com"}


def as_options(settings: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    return [word for key, value in settings.items() for word in ("-c", f"{key}={value}")], {}


def as_environment(settings: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    env = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return [], env


WAYS = pytest.mark.parametrize("way", [as_options, as_environment])


def commit(story: Story, way: object, settings: dict[str, str], **env: str) -> str:
    """An ordinary commit with these settings alone; what it prints."""
    options, more = way(settings)  # type: ignore[operator]
    return story.git(*options, "commit", "-am", "by one command", env={**more, **env}).text


@pytest.mark.compatibility("Git settings and versions", "identity by `-c`, `GIT_CONFIG_COUNT`")
@WAYS
@pytest.mark.parametrize("with_code", [False, True])
def test_an_identity_of_one_command_makes_a_whole_version(
    tell: Tell, tmp_path: Path, way: object, with_code: bool
) -> None:
    story = tell("live")
    before = story.git("rev-list", "--count", "HEAD").out
    story.write("model.bin", b"weights of somebody")
    if with_code:
        story.write("train.py", "print('changed')\n")
        story.git("add", "train.py")
    nobody = tmp_path / "gitconfig"
    nobody.write_text("[user]\n\tuseConfigOnly = true\n")
    printed = commit(story, way, WHO, GIT_CONFIG_GLOBAL=str(nobody))
    assert "cpv: tagged v0." in printed
    assert int(story.git("rev-list", "--count", "HEAD").out) == int(before) + 1
    tag = story.git("tag", "--points-at", "HEAD", "--list", "v*").out.strip()
    assert story.git("for-each-ref", f"refs/tags/{tag}", "--format=%(taggername) %(taggeremail)").out == (
        "Somebody <somebody@example.com>\n"
    )
    assert story.changes() == []
    story.check()


@pytest.mark.compatibility("Git settings and versions", "`safe.directory`, of one command too")
@WAYS
def test_a_directory_that_one_command_calls_safe(tell: Tell, way: object) -> None:
    story = tell("live")
    story.write("model.bin", b"weights in a directory of somebody else's")
    for top, folders, files in os.walk(story.path):
        for name in (".", *folders, *files):
            os.chown(Path(top, name), 12345, 12345, follow_symlinks=False)
    assert "dubious ownership" in story.git("status", status=128).err
    printed = commit(story, way, {"safe.directory": "*"})
    assert "cpv: tagged v0." in printed
