"""Files in commands to paste: as the user calls them where he stands, each one word and no pattern."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from cpv_hooks import errors
from cpv_hooks.git import pathspec


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A work tree, as far as its paths go; a linked one has a file `.git`."""
    (tmp_path / "top/a/b").mkdir(parents=True)
    (tmp_path / "top/.git").touch()
    monkeypatch.delenv("GIT_PREFIX", raising=False)
    monkeypatch.chdir(tmp_path / "top")
    return tmp_path / "top"


@pytest.mark.parametrize(
    ("folder", "path", "shown"),
    [
        (".", "m.bin.dvc", "m.bin.dvc"),
        ("a", "m.bin.dvc", "../m.bin.dvc"),
        ("a", "a/m.bin.dvc", "m.bin.dvc"),
        ("a/b", "a/m.bin.dvc", "../m.bin.dvc"),
        ("a", "a/-m.dvc", "./-m.dvc"),
        (".", ":m.dvc", "./:m.dvc"),
        ("a", "it's.dvc", shlex.quote("../it's.dvc")),
        (".", "m[1]*.dvc", "':(literal)m[1]*.dvc'"),
        ("a", "m?.dvc", "':(literal)../m?.dvc'"),
        (".", "a\\b.dvc", "':(literal)a\\b.dvc'"),
        ("..", "m.bin.dvc", "m.bin.dvc"),
    ],
)
def test_a_word_for_git(top: Path, monkeypatch: pytest.MonkeyPatch, folder: str, path: str, shown: str) -> None:
    monkeypatch.chdir(top / folder)
    assert errors.git_word(path) == shown


def test_a_word_for_other_programs(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert errors.file_word("m[1].bin") == "'m[1].bin'"
    monkeypatch.chdir(top / "a/b")
    assert errors.file_word("m[1].bin") == "'../../m[1].bin'"
    assert errors.git_words(["a/b/x.dvc", "y.dvc"]) == "x.dvc ../../y.dvc"


def test_a_hook_runs_at_the_top_and_git_says_where_the_user_stands(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert errors.git_word("a/m.dvc") == "a/m.dvc"
    monkeypatch.setenv("GIT_PREFIX", "a/b/")
    assert errors.git_word("a/m.dvc") == "../m.dvc"


def test_a_folder_that_is_gone(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(top / "a/b")
    (top / "a/b").rmdir()
    assert errors.git_word("m.dvc") == "m.dvc"


def test_what_the_words_of_a_command_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_PREFIX", "a/")
    words = ("m.dvc", "../n.dvc", ":/o.dvc", ":(top)p.dvc", ":(literal)q[1].dvc", ":(literal,top)r.dvc", "")
    assert pathspec.named_by(words) == {"a/m.dvc", "n.dvc", "o.dvc", "p.dvc", "a/q[1].dvc", "r.dvc"}
    assert pathspec.named_by([":(exclude)m.dvc", ":!m.dvc", ":^m.dvc", ":(icase)m.dvc"]) <= {"a/:!m.dvc", "a/:^m.dvc"}


def test_a_folder_in_a_pattern_means_itself() -> None:
    assert pathspec.escaped("m[1]*/a?\\b") == "m\\[1]\\*/a\\?\\\\b"
