"""Commands that CPV advises work as they are pasted, also in a folder and for an artifact with difficult names."""

from __future__ import annotations

import os
import re

import pytest
from conftest import MakeRepo

from support.repos import SETTINGS, ModelRepo
from support.shell import BIN, Result

FOLDER = "my drive (2)"
NAME = "it's $x;y.bin"
OTHER = "two  blanks' (c).bin"
POINTER = f"{NAME}.dvc"


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    settings = SETTINGS + f'[artifacts]\nmodel = ["{NAME}", "{OTHER}"]\n'
    return make_repo(FOLDER, settings=settings, files={NAME: "one"})


def pasted(repo: ModelRepo, said: Result) -> str:
    """Run the first command that a line advises, without the remark after it."""
    advised = [line.split("; fix: ")[1] for line in said.text.splitlines() if "; fix: " in line]
    command = re.split(r" \((?:or|CPV)|, then |, or |; ", advised[0])[0]
    repo.run("sh", "-c", command, env={"PATH": f"{BIN}:{os.environ['PATH']}"})
    return command


def test_a_broken_pointer(repo: ModelRepo) -> None:
    whole = repo.read(POINTER)
    repo.write(POINTER, "outs: [\n")
    pasted(repo, repo.git("commit", "-am", "second", status=1))
    assert repo.read(POINTER) == whole


def test_a_conflict(repo: ModelRepo) -> None:
    repo.git("checkout", "-q", "-b", "other")
    for branch, text in (("other", "theirs"), ("main", "ours")):
        repo.git("checkout", "-q", branch)
        repo.write(NAME, text)
        repo.commit(text)
    repo.git("merge", "other", status=1)
    pasted(repo, repo.cpv("sync", status=1))
    repo.git("commit", "-q", "-m", "merged")
    assert repo.read(NAME) == b"ours"
    assert repo.changes() == []


def test_an_artifact_that_git_tracks(repo: ModelRepo) -> None:
    repo.write(OTHER, "Git's")
    repo.git("add", "-f", OTHER)
    repo.git("commit", "-q", "-m", "wrong", "--no-verify")
    pasted(repo, repo.cpv("model", "upload", OTHER, status=1))
    assert repo.git("ls-files", "--", OTHER, f"{OTHER}.dvc").lines == [f"{OTHER}.dvc"]
    assert repo.git("log", "-1", "--format=%s").out == f"Track {OTHER} with DVC\n"


def test_a_damaged_journal(repo: ModelRepo) -> None:
    journal = repo.path / ".git/cpv/journal"
    journal.mkdir(parents=True, exist_ok=True)
    (journal / "1-broken.json").write_text("{\n")
    pasted(repo, repo.cpv("recover", status=1))
    assert list(journal.iterdir()) == []


def test_a_file_of_its_own_that_is_a_link(repo: ModelRepo) -> None:
    lock = repo.path / ".git/cpv/lock"
    lock.unlink(missing_ok=True)
    lock.symlink_to("elsewhere")
    pasted(repo, repo.cpv("sync", status=1))
    assert not lock.is_symlink()
    repo.cpv("sync")
