"""`dvc cpv demo`: the README's first command."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from dvc_cpv_plugin.commands import demo
from support.shell import Shell


def test_the_story_ends_well_and_leaves_nothing(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(shell.path))
    told = shell.cpv("demo")
    assert told.lines[-2:] == [
        "5 of 5 comparisons are identical, byte for byte.",
        "The folder was removed; `dvc cpv demo --keep` keeps it.",
    ]
    for line in (
        "$ git commit -m '3 more epochs'",
        "  cpv: tagged v0.1",
        "   M model.bin.dvc",
        "$ git checkout -q v0.0",
    ):
        assert line in told.lines
    assert [line for line in told.lines if line.startswith("  v0.")] == [
        "  v0.0            v0.0: Start classifier with CPV",
        "  v0.1            v0.1: 3 more epochs",
        "  v0.2            v0.2: 5 more epochs",
    ]
    assert list(shell.path.iterdir()) == []
    assert sorted(path.name for path in Path.home().iterdir()) == [".gitconfig"]


def test_keep_leaves_a_repository_in_agreement(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(shell.path))
    told = shell.cpv("demo", "--keep")
    found = re.search(r"Everything is in (.*); remove it", told.out)
    assert found is not None
    kept = Shell(Path(found[1]) / "classifier")
    assert kept.changes() == []
    assert kept.git("branch", "--show-current").out == "main\n"


def test_a_difference_is_shown_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    story = demo.Story(tmp_path)
    same = dict.fromkeys(demo.ARTIFACTS, "0" * 64)
    story.compare("one", same, same)
    story.compare("two", {**same, "data": "1" * 64}, same)
    assert (story.held, story.broken) == (1, ["two"])


def test_a_difference_ends_with_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(demo, "tell", lambda story: story.broken.append("the work tree at v0.0"))
    command = demo.CmdDemo(argparse.Namespace(cd=".", quiet=0, verbose=0, keep=False))
    assert command.do_run() == 1
    assert capsys.readouterr().err == "cpv: demo: the work tree at v0.0 is not what was committed\n"


def test_a_command_that_fails_ends_it_with_one_line(tmp_path: Path) -> None:
    from cpv_hooks.errors import CPVError

    with pytest.raises(CPVError, match=r"`git nonsense` ended with 1: git: 'nonsense' is not a git command"):
        demo.Story(tmp_path).run("git", "nonsense", cwd=tmp_path)
