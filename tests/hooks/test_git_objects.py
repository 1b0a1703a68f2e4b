"""Objects through `git cat-file --batch`: what Git itself says of them."""

from __future__ import annotations

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cpv_hooks.errors import CPVError
from cpv_hooks.git.objects import Objects, commit_of, entries, objects_of
from cpv_hooks.git.repo import Repo
from support.shell import Shell


@pytest.fixture
def git(shell: Shell) -> Shell:
    shell.git("init", "-q")
    shell.write("a/b.dvc", "pointer")
    shell.write("code.py", "print()")
    os.symlink("code.py", shell.path / "link")
    os.symlink("x", os.fsencode(shell.path) + b"/\xff")
    shell.git("add", "-A")
    shell.git("commit", "-qm", "one")
    return shell


def objects(shell: Shell) -> Objects:
    repo = Repo.discover(shell.path)
    return Objects(repo.git_dir, repo.top)


def test_a_tree_and_what_it_holds(git: Shell) -> None:
    store = objects(git)
    tree = store.read("HEAD^{tree}")
    assert tree is not None
    assert tree.oid == git.git("rev-parse", "HEAD^{tree}").out.strip()
    found = {item.name: (item.kind, item.link) for item in entries(tree)}
    assert found == {"a": ("tree", False), "code.py": ("blob", False), "link": ("blob", True)}
    blob = store.read("HEAD:a/b.dvc")
    assert blob is not None
    assert (blob.kind, blob.data) == ("blob", b"pointer")


@pytest.mark.parametrize("name", ["nothing", "HEAD:nothing", "0" * 40, "a\nb", "", "--batch-all-objects", "HEAD x"])
def test_what_is_no_object(git: Shell, name: str) -> None:
    store = objects(git)
    assert store.read(name) is None
    assert store.read("HEAD") is not None, "the next question has its own answer"


NAMES = ("HEAD", "main", "refs/heads/main", "light", "signed", "nested", "HEAD~1", "HEAD@{0}", ":/two", "odd/näme")
NO_COMMITS = (
    "tree",
    "blob",
    "HEAD:code.py",
    "none",
    "",
    " ",
    "-x",
    "--all",
    "HEAD..main",
    "^HEAD",
    "HEAD^{tree}",
    "a\nb",
)


def test_both_ways_to_ask_for_a_commit_give_one_answer(git: Shell) -> None:
    git.git("commit", "-q", "--allow-empty", "-m", "two")
    git.git("branch", "odd/näme")
    git.git("tag", "light")
    git.git("tag", "-am", "x", "signed")
    git.git("tag", "-am", "x", "nested", "signed")
    git.git("tag", "tree", "HEAD^{tree}")
    git.git("tag", "blob", "HEAD:code.py")
    repo, head = Repo.discover(git.path), git.git("rev-parse", "HEAD").out.strip()
    for name in (*NAMES, head, head[:8], head[:3], "0" * 40, *NO_COMMITS):
        assert (name, commit_of(repo, name)) == (name, repo.resolve(name))
    assert commit_of(repo, "nested") == head
    assert {commit_of(repo, name) for name in NO_COMMITS} == {None}


def test_more_than_was_asked_for_is_not_kept(git: Shell) -> None:
    git.write("large", b"x" * 3_000_000)
    git.git("add", "large")
    store = objects(git)
    large = store.read(":large", 1_000_000)
    assert large is not None
    assert large.data is None
    found = store.read("HEAD:code.py", 7)
    assert found is not None
    assert found.data == b"print()"


def test_it_sees_what_is_made_later_and_what_was_packed(git: Shell) -> None:
    store = objects(git)
    first = store.read("HEAD")
    git.write("code.py", "print(2)")
    git.git("commit", "-qam", "two")
    git.git("gc", "-q", "--prune=now")
    second = store.read("HEAD")
    assert first is not None
    assert second is not None
    assert second.oid == git.git("rev-parse", "HEAD").out.strip()
    again = store.read(first.oid)
    assert again == first


def test_a_repository_with_sha256(shell: Shell) -> None:
    shell.git("init", "-q", "--object-format=sha256")
    shell.write("a/b", "1")
    shell.git("add", "-A")
    shell.git("commit", "-qm", "one")
    tree = objects(shell).read("HEAD^{tree}")
    assert tree is not None
    (item,) = entries(tree)
    assert item.oid == shell.git("rev-parse", "HEAD:a").out.strip()


def test_threads_get_their_own_answers(git: Shell) -> None:
    for number in range(50):
        git.write(f"many/{number}", str(number))
    git.git("add", "-A")
    store = objects(git)

    def read(number: int) -> bytes | None:
        found = store.read(f":many/{number}")
        return found.data if found else None

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, range(50))) == [str(number).encode() for number in range(50)]


def test_a_process_that_died_is_one_line_and_another_takes_over(git: Shell) -> None:
    store = objects(git)
    store.read("HEAD")
    children = subprocess.run(["pgrep", "-P", str(os.getpid()), "-f", "cat-file"], capture_output=True, text=True)
    for line in children.stdout.split():
        os.kill(int(line), signal.SIGKILL)
    with pytest.raises(CPVError, match=r"Git could not read the object HEAD: its process ended; fix: git fsck"):
        for _ in range(3):
            store.read("HEAD")
    assert store.read("HEAD") is not None


def test_one_process_for_all_who_ask_and_another_for_a_repository_made_anew(git: Shell, tmp_path: Path) -> None:
    repo = Repo.discover(git.path)
    first = objects_of(repo)
    assert objects_of(Repo.discover(git.path / "a")) is first
    first.read("HEAD")
    subprocess.run(["rm", "-rf", str(repo.git_dir)], check=True)
    (tmp_path / "taken").mkdir()
    git.git("init", "-q")
    git.git("commit", "-q", "--allow-empty", "-m", "anew")
    found = objects_of(Repo.discover(git.path)).read("HEAD")
    assert found is not None
    assert found.oid == git.git("rev-parse", "HEAD").out.strip()


def test_many_at_once_are_what_each_is_alone(git: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1300):
        git.write(f"many/{number}", str(number) * (1 + number % 7))
    git.git("add", "-A")
    oids = [line.split()[1] for line in git.git("ls-files", "-s", "many").out.splitlines()]
    oids[7:7] = ["f" * 40, git.git("rev-parse", "HEAD").out.strip(), oids[9]]
    store = objects(git)
    alone = [store.read(oid, 20) for oid in oids]
    assert list(store.read_all(oids, 20)) == alone
    monkeypatch.setattr("cpv_hooks.git.objects._ROOM", 1000)
    assert list(store.read_all(oids, 20)) == alone, "what is more than is kept at a time is asked for again"
    assert list(store.read_all([])) == []
    mixed = []
    for oid, found in zip(oids, store.read_all(iter(oids), 20), strict=True):
        mixed.append((found, store.read(oid, 20)))
    assert all(one == other for one, other in mixed), "others may ask in between"
