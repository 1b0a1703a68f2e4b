"""Settings that cannot be meant so: one line that names them, never a traceback and never silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.conftest import Tell
from e2e.story import Story

HIDDEN = (
    "extra.bin: .cpv.toml names it and .dvcignore hides it, so DVC cannot have it and no commit does; "
    "fix: take it out of one of the two files: .dvcignore or .cpv.toml"
)


def hiding(story: Story, models: str) -> Story:
    """The models are `models`, and `.dvcignore` hides `extra.bin`."""
    settings = story.read(".cpv.toml").decode()
    story.write(".cpv.toml", settings.replace('["model.bin"]', models))
    story.write(".dvcignore", "extra.*\n")
    story.write("extra.bin", "extra 1\n")
    story.git("add", ".cpv.toml", ".dvcignore")
    return story


def test_an_artifact_that_is_named_and_hidden(tell: Tell) -> None:
    story = hiding(tell("live"), '["model.bin", "extra.bin"]')
    assert HIDDEN in story.git("commit", "-m", "with another", status=None).text
    assert HIDDEN in story.cpv("status", status=None).text
    assert HIDDEN in story.cpv("doctor", status=None).text
    story.write(".dvcignore", "")
    story.git("commit", "-qam", "with another")
    assert story.saved("extra.bin", "extra 1\n")


def test_what_a_pattern_finds_may_be_left_out(tell: Tell) -> None:
    story = hiding(tell("live"), '["*.bin"]')
    done = story.git("commit", "-qm", "with another")
    assert "extra.bin" not in done.text
    assert not (story.path / "extra.bin.dvc").exists()


@pytest.mark.parametrize("text", ["[core\nremote = a\n", "\xff\xfe", "[core]\n    remote\n"])
@pytest.mark.parametrize("command", [["status"], ["log"], ["sync"]])
def test_a_dvc_configuration_that_cannot_be_read(tell: Tell, text: str, command: list[str]) -> None:
    story = tell("live")
    story.write(".dvc/config", text.encode("latin-1"))
    done = story.run("dvc", "cpv", *command, status=None)
    assert done.status != 0
    assert "Traceback" not in done.text
    assert [line for line in done.err.splitlines() if "fix: edit .dvc/config" in line]


CIRCLES = [
    ({"storage": "remote://storage/x"}, "remote storage: its URL remote://storage/x leads back to storage"),
    ({"storage": "remote://b/x", "b": "remote://storage/y"}, "its URL remote://storage/y leads back to storage"),
    ({"storage": "remote://gone/x"}, "its URL remote://gone/x names remote gone, which is not configured"),
]


@pytest.mark.parametrize(("urls", "what"), CIRCLES)
def test_a_remote_that_leads_to_itself(tell: Tell, tmp_path: Path, urls: dict[str, str], what: str) -> None:
    story = tell("live")
    sections = [f"['remote \"{name}\"']\n    url = {url}\n" for name, url in urls.items()]
    story.write(".dvc/config", "[core]\n    remote = storage\n" + "".join(sections))
    story.put("model.bin", "model 3\n")
    said = story.git("commit", "-qam", "third").err
    assert what in said
    assert "RecursionError" not in said
    assert what in story.cpv("doctor", status=None).text
    assert story.saved("model.bin", "model 3\n")
