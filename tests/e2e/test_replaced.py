"""Content that Git took the pointer of away before any commit had it is on the list of rescues."""

from __future__ import annotations

import os

import pytest
from conftest import MakeRepo

from support.repos import SETTINGS, ModelRepo

TAKING_BACK = {
    "checkout -f": ["checkout", "-q", "-f", "HEAD"],
    "checkout FILE": ["checkout", "-q", "--", "model.bin.dvc", "data.dvc"],
    "restore": ["restore", "."],
    "restore staged": ["restore", "--staged", "--worktree", "."],
    "reset --hard": ["reset", "-q", "--hard"],
    "reset --hard elsewhere": ["reset", "-q", "--hard", "HEAD^"],
    "switch -f": ["switch", "-q", "-f", "--detach", "HEAD^"],
}


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    repo = make_repo(files={"model.bin": "one", "data/a": "one"})
    repo.write("model.bin", "two")
    repo.write("data/a", "two")
    repo.commit("second")
    return repo


def rescued(repo: ModelRepo) -> dict[str, str]:
    """Artifact -> number."""
    rows = (line.split("\t") for line in repo.cpv("rescue", "list").lines)
    return {row[3]: row[0] for row in rows}


@pytest.mark.parametrize("how", TAKING_BACK)
@pytest.mark.parametrize("is_staged", [False, True])
def test_what_was_taken_back_comes_back(repo: ModelRepo, how: str, is_staged: bool) -> None:
    repo.write("model.bin", "unsaved model")
    repo.write("data/a", "unsaved data")
    assert repo.changes() == [" M data.dvc", " M model.bin.dvc"]
    if is_staged:
        repo.git("add", "-A")
    how = "restore staged" if is_staged and how in ("restore", "checkout FILE") else how
    repo.git(*TAKING_BACK[how])
    assert repo.changes() == []
    found = rescued(repo)
    assert found.keys() == {"model.bin", "data"}
    for path in (repo.path / ".dvc/cache").rglob("*"):
        os.utime(path, (0, 0))
    repo.cpv("prune", "--yes")
    for number in found.values():
        repo.cpv("rescue", "restore", number)
    assert (repo.read("model.bin"), repo.read("data/a")) == (b"unsaved model", b"unsaved data")


def test_a_new_artifact_that_was_only_staged(make_repo: MakeRepo) -> None:
    repo = make_repo(settings=SETTINGS + '[artifacts]\nmodel = ["model.bin"]\n')
    repo.write("model.bin", "new")
    repo.git("add", "-A")
    assert repo.changes() == ["A  .gitignore", "A  model.bin.dvc"]
    repo.git("reset", "-q", "--hard")
    assert rescued(repo).keys() == {"model.bin"}


def test_what_a_commit_or_a_stash_has_is_not_listed(repo: ModelRepo) -> None:
    repo.git("checkout", "-q", "HEAD^")
    repo.git("checkout", "-q", "main")
    repo.git("reset", "-q", "--hard", "HEAD^")
    repo.git("reset", "-q", "--hard", "ORIG_HEAD")
    for verbs in (["stash"], ["stash", "pop"], ["stash"], ["stash", "apply"], ["commit", "-qam", "third"]):
        if verbs == ["stash"]:
            repo.write("model.bin", "stashed")
        repo.git(*verbs)
    repo.git("commit", "-q", "--allow-empty", "-m", "code")
    repo.git("reset", "-q", "--hard", "HEAD~3")
    repo.git("merge", "-q", "--ff-only", "HEAD@{1}")
    repo.git("branch", "other", "HEAD~2")
    repo.write("code.py", "1")
    repo.git("add", "-A")
    repo.commit("code")
    repo.write("model.bin", "in an autostash")
    repo.git("rebase", "-q", "--autostash", "other")
    assert rescued(repo) == {}
