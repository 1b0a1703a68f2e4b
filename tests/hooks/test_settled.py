"""What the shims of `git commit` know from the last one, and when they must not go by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MakeRepo

from support.git_calls import git_calls
from support.repos import ModelRepo

LARGE = b"\0" + bytes(11 << 20)


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    """Two checkpoints and two commits of code after them, the last of which goes by what the first found out."""
    repo = make_repo(files={"model.bin": b"one", "data.csv": b"one"})
    repo.write("model.bin", b"two")
    repo.git("commit", "-q", "-m", "second")
    for text in ("a", "b"):
        commit_code(repo, text)
    return repo


def commit_code(repo: ModelRepo, text: str) -> list[str]:
    """Commit a change of code; returns the Git commands that the hooks ran."""
    repo.write("train.py", text)
    repo.git("add", "train.py")
    return traced(repo, "commit", "-q", "-m", text)


def traced(repo: ModelRepo, *words: str) -> list[str]:
    # `ls-files -t` asks whether another client has brought a pointer; only after the index has changed.
    commands = git_calls(repo, *words)
    return [" ".join(words[:2] if words[:2] == ["ls-files", "-t"] else words[:1]) for words in commands]


def once(commands: list[str]) -> list[str]:
    """Without what was asked once more because Git wrote its index within one tick (4 ms) of the first answer."""
    return list(dict.fromkeys(commands))


def test_a_commit_of_code_asks_git_once(repo: ModelRepo) -> None:
    """And, as its index is another one than the last look saw, whether it has pointers that no hook saw arrive."""
    repo.git("config", "maintenance.auto", "false")
    commit_code(repo, "c")  # Git's settings have changed, so whether CPV's hooks run is looked at once
    for text in ("d", "e"):
        assert once(commit_code(repo, text)) == ["commit", "ls-files -t", "diff-index"]
    assert repo.git("tag", "--points-at", "HEAD").text == ""


def test_after_a_sync_it_looks_at_the_pointers_once(repo: ModelRepo) -> None:
    repo.write("model.bin", b"three")
    repo.git("commit", "-q", "-m", "third")
    assert "ls-files" in commit_code(repo, "c")
    assert "ls-files" not in commit_code(repo, "d")


def detached(repo: ModelRepo) -> None:
    repo.git("checkout", "-q", "--detach")
    repo.git("reset", "-q", "HEAD~3")


MEDDLING: dict[str, Callable[[ModelRepo], object]] = {
    "reset --soft": lambda repo: repo.git("reset", "-q", "--soft", "HEAD~3"),
    "reset --mixed": lambda repo: repo.git("reset", "-q", "--mixed", "HEAD~3"),
    "reset of a path": lambda repo: repo.git("reset", "-q", "HEAD~3", "--", "model.bin.dvc"),
    "restore --staged": lambda repo: repo.git("restore", "--staged", "--source", "HEAD~3", "model.bin.dvc"),
    "update-ref": lambda repo: repo.git("update-ref", "refs/heads/main", "HEAD~3"),
    "update-ref, packed": lambda repo: (
        repo.git("update-ref", "refs/heads/main", "HEAD~3"),
        repo.git("pack-refs", "--all"),
    ),
    "symbolic-ref": lambda repo: (
        repo.git("branch", "old", "HEAD~3"),
        repo.git("symbolic-ref", "HEAD", "refs/heads/old"),
    ),
    "a branch that stands for another": lambda repo: (
        repo.git("branch", "old", "HEAD"),
        repo.git("symbolic-ref", "refs/heads/alias", "refs/heads/old"),
        repo.git("symbolic-ref", "HEAD", "refs/heads/alias"),
        repo.git("commit", "-q", "--allow-empty", "-m", "there"),
        repo.git("update-ref", "refs/heads/old", "HEAD~4"),
        repo.git("reset", "-q"),
    ),
    "read-tree": lambda repo: repo.git("read-tree", "HEAD~3"),
    "detached": detached,
    "index lost": lambda repo: ((repo.path / ".git/index").unlink(), repo.git("read-tree", "HEAD~3")),
}


@pytest.mark.parametrize("meddling", MEDDLING)
def test_whatever_moved_the_head_or_the_index_the_commit_has_the_pointers_of_the_work_tree(
    repo: ModelRepo, meddling: str
) -> None:
    assert (repo.path / ".git/cpv/committed").read_text().split()[1] == repo.git("rev-parse", "HEAD").out.strip()
    MEDDLING[meddling](repo)
    repo.git("commit", "-q", "--allow-empty", "-m", "after")
    assert repo.git("show", "HEAD:model.bin.dvc").out == repo.read("model.bin.dvc").decode()
    assert repo.read("model.bin") == b"two"
    assert repo.git("diff", "--name-only", "HEAD", "--", "*.dvc").lines == []


def test_a_pointer_that_is_taken_out_of_the_index_is_out_of_the_commit(repo: ModelRepo) -> None:
    repo.git("rm", "-q", "--cached", "model.bin.dvc")
    repo.git("commit", "-q", "-m", "after")
    assert repo.git("ls-tree", "--name-only", "HEAD", "model.bin.dvc").text == ""
    assert repo.read("model.bin") == b"two"


def test_a_commit_that_was_given_up_is_not_gone_by(repo: ModelRepo) -> None:
    """`commit-msg` stops it after pre-commit has left its note."""
    before = repo.read(".git/cpv/committed")
    repo.write(".git/hooks/commit-msg", "#!/bin/sh\nexit 1\n").chmod(0o755)
    repo.git("commit", "-q", "--allow-empty", "-m", "no", status=1)
    (repo.path / ".git/hooks/commit-msg").unlink()
    assert repo.read(".git/cpv/committed") == before
    repo.write("model.bin", b"three")
    repo.git("commit", "-q", "--no-verify", "-am", "yes")
    assert repo.git("tag", "--points-at", "HEAD").lines == ["v0.2"]


def test_an_amended_checkpoint_keeps_its_tag(repo: ModelRepo) -> None:
    repo.write("model.bin", b"three")
    repo.git("commit", "-q", "-m", "third")
    tags = repo.git("tag", "--points-at", "HEAD").lines
    repo.git("commit", "-q", "--amend", "-m", "third, better said")
    assert tags == ["v0.2"]
    assert repo.git("tag", "--points-at", "HEAD").lines == tags
    assert repo.git("show", "HEAD:model.bin.dvc").out == repo.read("model.bin.dvc").decode()


@pytest.mark.parametrize("name", ["-r.bin", "größe.bin", 'a "quoted" name.bin', "two words.bin", "[*].bin"])
@pytest.mark.parametrize("beside", [0, 30, 200])
def test_a_large_file_is_found_among_many(repo: ModelRepo, name: str, beside: int) -> None:
    for number in range(beside):
        repo.write(f"src/{number}.py", f"{number}\n")
    repo.write(name, LARGE)
    repo.git("add", "-A")
    result = repo.git("commit", "-q", "-m", "oops", status=1)
    assert "staged in Git instead of DVC" in result.err
    repo.git("rm", "-q", "--cached", "--", f":(literal){name}")
    Path(repo.path / name).unlink()
    repo.git("commit", "-q", "--allow-empty", "-m", "well")


def test_a_large_file_in_the_first_commit_is_found(make_repo: MakeRepo) -> None:
    repo = make_repo(files={"model.bin": b"one"})
    repo.git("checkout", "-q", "--orphan", "fresh")
    repo.write("huge.bin", LARGE)
    repo.git("add", "-A")
    assert "staged in Git instead of DVC" in repo.git("commit", "-q", "-m", "oops", status=1).err
