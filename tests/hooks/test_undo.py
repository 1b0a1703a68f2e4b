"""Undoing refs, the index and small files: only where they still are what a transaction made of them."""

from __future__ import annotations

import pytest

from cpv_hooks.git.index import index_entries, set_index_entries
from cpv_hooks.git.repo import Repo
from cpv_hooks.recovery import undo, undo_git
from cpv_hooks.versions.tag_records import mark_published
from support.shell import Shell


@pytest.fixture(params=["sha1", "sha256"])
def repo(shell: Shell, request: pytest.FixtureRequest) -> Repo:
    shell.git("init", "-q", f"--object-format={request.param}")
    shell.write("a.txt", "one\n")
    shell.git("add", "-A")
    shell.git("commit", "-qm", "first")
    return Repo.discover(shell.path)


def test_refs_go_back_only_from_where_they_were_put(repo: Repo, shell: Shell) -> None:
    first = shell.head()
    second = shell.commit("second", "--allow-empty")
    for name in ("refs/tags/a", "refs/tags/b", "refs/tags/sent"):
        repo.run("update-ref", name, second)
    repo.run("update-ref", "refs/tags/b", first)
    undo.undo_steps(repo, [[undo_git.refs({"refs/tags/a": (None, second), "refs/tags/b": (first, second)})]], second)
    assert shell.tags() == ["b", "sent"]
    assert shell.git("rev-parse", "b").out.strip() == first


def test_a_tag_that_went_out_stays_with_all_below_it(repo: Repo, shell: Shell) -> None:
    shell.git("tag", "v0.1")
    mark_published(repo, ["v0.1"])
    shell.write("a.txt", "two\n")
    steps = [[undo_git.file("a.txt", b"one\n", b"two\n")], [undo_git.refs({"refs/tags/v0.1": (None, shell.head())})]]
    undo.undo_steps(repo, steps, shell.head())
    assert shell.tags() == ["v0.1"]
    assert shell.read("a.txt") == b"two\n"


def test_index_entries_go_back_only_from_what_they_were_made(repo: Repo, shell: Shell) -> None:
    one, two = (f"100644 {repo.run('hash-object', '-w', '--stdin', input=text).strip()}" for text in ("one\n", "two\n"))
    set_index_entries(repo, {"a.txt": two, "b": two, "c": one})
    undo.undo_steps(repo, [[undo_git.index({"a.txt": (one, two), "b": (None, two), "c": (None, two)})]], shell.head())
    assert index_entries(repo, ["a.txt", "b", "c"]) == {"a.txt": one, "c": one}
