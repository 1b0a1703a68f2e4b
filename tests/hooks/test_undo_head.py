"""Undoing a commit and a checkout, reflogs included, and leaving alone what the user went on from."""

from __future__ import annotations

import pytest

from cpv_hooks.git import commit
from cpv_hooks.git.index import index_entries
from cpv_hooks.git.repo import Repo
from cpv_hooks.recovery import undo, undo_git, undo_head
from support.shell import Shell


@pytest.fixture
def repo(shell: Shell) -> Repo:
    shell.git("init", "-q")
    shell.write("a.txt", "one\n")
    shell.git("add", "-A")
    shell.git("commit", "-qm", "first")
    return Repo.discover(shell.path)


# A commit


def committed(repo: Repo, shell: Shell, contents: dict[str, bytes]) -> tuple[str, undo_git.Action]:
    """Commit as an upload does; returns the commit and what undoes it."""
    when, date = commit.committer_time(repo)
    entries = index_entries(repo, list(contents))
    action = undo_head.coming_commit(repo, shell.head(), when, {path: entries.get(path) for path in contents})
    return commit.commit_files(repo, contents, "made", date), action


def reflogs(shell: Shell) -> tuple[str, str]:
    return shell.git("reflog", "HEAD").out, shell.git("reflog", "main").out


def test_a_commit_goes_with_its_lines_in_the_reflogs(repo: Repo, shell: Shell) -> None:
    before, logs = shell.head(), reflogs(shell)
    shell.write("staged", "mine\n")
    shell.git("add", "staged")
    _, action = committed(repo, shell, {"a.txt": b"two\n", "new": b"n"})
    assert shell.git("show", "--stat", "--format=", "HEAD").out.count("|") == 2
    undo.undo_steps(repo, [[action]], before)
    undo.undo_steps(repo, [[action]], before)
    assert shell.head() == before
    assert reflogs(shell) == logs
    assert shell.changes() == ["A  staged"]
    shell.git("fsck", "--full", "--strict")


def test_a_commit_on_a_detached_head_goes_too(repo: Repo, shell: Shell) -> None:
    before = shell.head()
    shell.git("checkout", "-q", "--detach")
    _, action = committed(repo, shell, {"a.txt": b"two\n"})
    undo.undo_steps(repo, [[action]], before)
    assert shell.head() == before
    assert shell.git("symbolic-ref", "-q", "HEAD", status=None).out == ""


def test_a_commit_that_the_user_built_upon_stays_with_all_below_it(repo: Repo, shell: Shell) -> None:
    before = shell.head()
    shell.write("a.txt", "two\n")
    _, action = committed(repo, shell, {"a.txt": b"two\n"})
    mine = shell.commit("mine", "--allow-empty")
    undo.undo_steps(repo, [[undo_git.file("a.txt", b"one\n", b"two\n")], [action]], before)
    assert shell.head() == mine
    assert shell.changes() == []


def test_a_commit_that_went_out_stays(repo: Repo, shell: Shell) -> None:
    before = shell.head()
    new, action = committed(repo, shell, {"a.txt": b"two\n"})
    shell.git("update-ref", "refs/remotes/origin/main", new)
    undo.undo_steps(repo, [[action]], before)
    assert shell.head() == new


def test_a_commit_of_the_users_is_not_taken_for_ours(repo: Repo, shell: Shell) -> None:
    before = shell.head()
    action = undo_head.coming_commit(repo, before, 1, {})
    mine = shell.commit("mine", "--allow-empty")
    undo.undo_steps(repo, [[action]], before)
    assert shell.head() == mine


# A checkout


def test_a_checkout_that_stopped_half_way_goes_back(repo: Repo, shell: Shell) -> None:
    first = shell.head()
    shell.write("a.txt", "two\n")
    shell.write("sub/new", "new\n")
    shell.git("add", "-A")
    second = shell.commit("second")
    shell.git("rm", "-q", "a.txt")
    third = shell.commit("third")
    for half in ("nothing", "files", "index", "all"):
        action = undo_head.checkout(repo, first)
        if half in ("files", "index"):
            shell.write("a.txt", "one\n")
            (shell.path / "sub/new").unlink()
        if half == "index":
            shell.git("read-tree", first)
        if half == "all":
            shell.git("checkout", "-q", first)
        logs = shell.git("reflog", "main").out
        undo.undo_steps(repo, [[action]], third)
        assert shell.changes() == []
        assert shell.git("symbolic-ref", "HEAD").out == "refs/heads/main\n"
        assert shell.git("reflog", "main").out == logs
        assert "checkout: moving" not in shell.git("reflog", "HEAD").out
    assert second != third


def test_a_checkout_from_a_detached_head_goes_back_to_it(repo: Repo, shell: Shell) -> None:
    first = shell.head()
    shell.write("a.txt", "two\n")
    second = shell.commit("second", "-a")
    shell.git("checkout", "-q", "--detach")
    action = undo_head.checkout(repo, first)
    shell.git("checkout", "-q", first)
    undo.undo_steps(repo, [[action]], second)
    assert shell.head() == second
    assert shell.changes() == []


def test_a_checkout_that_the_user_left_by_another_stays(repo: Repo, shell: Shell) -> None:
    first = shell.head()
    shell.write("a.txt", "two\n")
    second = shell.commit("second", "-a")
    action = undo_head.checkout(repo, first)
    shell.git("checkout", "-q", first)
    shell.git("checkout", "-q", "-b", "mine")
    undo.undo_steps(repo, [[action]], second)
    assert shell.git("symbolic-ref", "HEAD").out == "refs/heads/mine\n"
