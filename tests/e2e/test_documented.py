"""The stories of the README and of `docs/`, run as they are written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.shell import Shell

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
STORIES = {"sh": ROOT / "docs/scripts.md", "python": ROOT / "docs/python-api.md"}
MARK = "next line of the story"


@pytest.fixture
def desk(shell: Shell) -> Shell:
    """What the stories take for granted: two training runs and two sets of data."""
    for name in ("runs/7/model.bin", "runs/8/model.bin", "flowers/rose.csv", "flowers-2/lily.csv"):
        shell.write(name, f"content of {name}\n")
    return shell


def block(language: str) -> list[str]:
    """The lines of the story in this language."""
    (found,) = re.findall(
        rf"```{language}\n(.*?)```", STORIES[language].read_text().partition("<!-- Below: ")[0], re.DOTALL
    )
    return [line for line in str(found).splitlines() if line]


def test_the_story_on_the_command_line(desk: Shell) -> None:
    lines = block("sh")
    script = "\n".join(f"echo '{MARK}'\n{line}" for line in lines)
    done = desk.run("bash", "-e", "-c", script)
    printed = done.out.split(f"{MARK}\n")[1:]
    for line, out in zip(lines, printed, strict=True):
        expected = re.search(r" # (.*)", line)
        if expected:
            wanted = expected[1].replace("../production", str(desk.path / "production"))
            assert out.split() == wanted.split(), line
    repo = Shell(desk.path / "resnet50")
    assert repo.changes() == []
    assert repo.git("branch", "--show-current").out == "main\n"
    assert (desk.path / "production/model.bin").exists()
    assert "would s3: put " in done.out


def test_the_story_in_python(desk: Shell) -> None:
    lines = block("python")
    done = desk.python("-c", "\n".join(lines))
    expected = [found[1] for line in lines if line.startswith("print(") and (found := re.search(r"  # (.*)", line))]
    printed = [line for line in done.lines if not line.startswith("would ")]
    assert printed == expected
    assert any(line.startswith("would s3: put ") for line in done.lines)


def test_the_commands_of_the_first_steps_are_shown_by_help(shell: Shell) -> None:
    help = shell.run("dvc", "cpv", "--help").out
    named = set(re.findall(r"^\s+dvc cpv ([a-z-]+)", README, re.MULTILINE))
    assert named
    for command in named:
        assert f"\n    {command} " in help or f"\n    {command}\n" in help, command
