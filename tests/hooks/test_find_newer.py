"""A large directory of which only what is newer is looked at: the same answer as a walk through all of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MakeRepo
from hypothesis import given, settings
from hypothesis import strategies as st

from cpv_hooks.dvcformat.dvcignore import builtin_filter
from cpv_hooks.errors import CPVError
from cpv_hooks.system import signatures
from cpv_hooks.system.find_newer import Newer, list_again
from cpv_hooks.system.signatures import Clock, FolderListing, list_directory, stamp
from cpv_hooks.worktree import artifact
from support.repos import ModelRepo

FILES = [f"{outer}/{inner}{name}" for outer in "abcd" for inner in ("", "p/", "p/q/", "p-r/") for name in "1234"]


class Folder:
    """A directory that was listed, and whose files all are older than the clock."""

    def __init__(self, root: Path) -> None:
        self.root = root / "data"
        for name in FILES:
            self.write(name)
        (root / "elsewhere").write_bytes(b"elsewhere")
        self.clock, self.since = Clock(root / "clock"), root / "since"
        self.settle()

    def write(self, name: str, content: bytes = b"1") -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def settle(self) -> None:
        """What is there now is what is known."""
        while self.clock.past(self.clock.now()) <= self.walk().newest:
            pass
        self.checked = self.clock.now()
        self.base = self.walk()

    def walk(self) -> FolderListing:
        return list_directory(self.root, builtin_filter)

    def again(self) -> FolderListing | None:
        stamp(self.since, self.checked)
        paths = Newer(self.root, len(self.base), self.since).paths()
        assert paths is not None
        return list_again(self.root, self.base, paths, builtin_filter)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def swap(folder: Folder, one: str, other: str) -> None:
    """Exchange two paths; nothing below them gets a newer ctime."""
    between = folder.root.parent / "between"
    os.rename(folder.root / one, between)
    os.rename(folder.root / other, folder.root / one)
    os.rename(between, folder.root / other)


def link(folder: Folder, name: str, target: str) -> None:
    path = folder.root / name
    path.unlink(missing_ok=True)
    path.symlink_to(target)


CHANGES: dict[str, Callable[[Folder], object]] = {
    "nothing": lambda folder: None,
    "a file written": lambda folder: folder.write("a/1", b"new"),
    "a file written, its times set back": lambda folder: (
        folder.write("a/1", b"2"),
        os.utime(folder.root / "a/1", ns=(1, 1)),
    ),
    "a mode": lambda folder: (folder.root / "a/p/1").chmod(0o755),
    "a file replaced": lambda folder: os.replace(folder.root / "a/1", folder.root / "a/2"),
    "a file added": lambda folder: folder.write("b/p/new"),
    "a file removed": lambda folder: (folder.root / "c/p/q/1").unlink(),
    "a folder added": lambda folder: folder.write("b/new/file"),
    "a folder removed": lambda folder: shutil.rmtree(folder.root / "b/p"),
    "older folders exchanged": lambda folder: (swap(folder, "a/p", "b/p"), folder.write("b/p/q/1", b"other")),
    "an older folder moved in below": lambda folder: swap(folder, "a/p/q", "b/p-r"),
    "names around the slash": lambda folder: (folder.write("a/p.file"), folder.write("a/p0"), folder.write("a/p/0")),
    "a file for a folder": lambda folder: (shutil.rmtree(folder.root / "a/p"), folder.write("a/p")),
    "a folder for a file": lambda folder: ((folder.root / "a/1").unlink(), folder.write("a/1/file")),
    "DVC's own folder within": lambda folder: folder.write("a/p/.dvc/config"),
    "a file of Git's": lambda folder: folder.write("a/.git/HEAD"),
    "a link": lambda folder: link(folder, "a/1", "../../elsewhere"),
    "a link to a folder": lambda folder: link(folder, "a/1", "p"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("split", [1, 1_000_000])
def test_a_change_is_seen_as_by_a_walk(
    folder: Folder, change: str, split: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signatures, "MANY_FILES", split)
    CHANGES[change](folder)
    assert folder.again() == folder.walk()


def test_what_stands_behind_a_link_is_looked_at_too(folder: Folder) -> None:
    link(folder, "a/1", "../../elsewhere")
    folder.settle()
    folder.write("../other", b"other")
    os.rename(folder.root.parent / "other", folder.root.parent / "elsewhere")
    assert folder.again() == folder.walk() != folder.base


def test_where_only_a_walk_can_tell_there_is_no_answer(folder: Folder) -> None:
    folder.write("new")
    assert folder.again() is None, "the directory itself has changed"
    folder.settle()
    for name in FILES[::2]:
        folder.write(name, b"2")
    assert folder.again() is None, "a walk is as fast"
    folder.settle()
    link(folder, "a/1", "../../nowhere")
    with pytest.raises(CPVError, match="a symbolic link that leads nowhere"):
        folder.again()


@pytest.mark.compatibility("Platforms", "a PATH without `find`, or with one that lacks `-cnewer`")
def test_a_find_that_fails_or_is_not_there_gives_no_answer(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.since.unlink(missing_ok=True)
    assert Newer(folder.root, 1, folder.since).paths() is None
    stamp(folder.since, folder.checked)
    assert Newer(folder.root, 1, folder.since).paths() == set()
    monkeypatch.setenv("PATH", str(folder.root))
    assert Newer(folder.root, 1, folder.since).paths() is None


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_whatever_happens_to_it_the_answer_is_that_of_a_walk(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Folder(Path(name))
        for _ in range(data.draw(st.integers(1, 3), label="rounds")):
            for _ in range(data.draw(st.integers(1, 3), label="changes")):
                _change(folder, data)
            found = folder.again()
            assert found is None or found == folder.walk()
            folder.settle()


def _change(folder: Folder, data: st.DataObject) -> None:
    here = sorted(path for path in folder.root.rglob("*") if path.name not in (".git", ".dvc"))
    path = data.draw(st.sampled_from(here), label="path")
    action = data.draw(st.sampled_from(["write", "remove", "move", "add", "dvc"]), label="action")
    if action == "remove":
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    elif action == "move":
        other = data.draw(st.sampled_from(here), label="to")
        if not other.is_relative_to(path) and not path.is_relative_to(other):
            shutil.rmtree(other) if other.is_dir() else other.unlink()
            os.rename(path, other)
    elif path.is_dir():
        folder.write(f"{path.relative_to(folder.root)}/{'.dvc/config' if action == 'dvc' else 'added'}")
    else:
        path.write_bytes(b"changed")
    folder.root.mkdir(exist_ok=True)


# Through the hooks


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    """A directory that counts as large: hooks start a Python of their own, so it has to be."""
    files = artifact._BY_CTIME_FROM + 2000
    return make_repo(files={f"data/{number % 50}/{number}": f"{number}" for number in range(files)})


def test_a_commit_looks_at_what_is_newer_and_takes_it(repo: ModelRepo) -> None:
    for text in (b"one", b"two"):
        repo.write("data/7/7", text)
        repo.git("commit", "-q", "-m", "change")
        assert (repo.path / ".git/cpv/since").exists()
        repo.write("data/7/7", b"lost")
        repo.git("checkout", "-q", "-f", "HEAD", "--", "data.dvc")
        repo.git("reset", "-q", "--hard")
        assert repo.read("data/7/7") == text
    assert repo.dvc("status", "-q").text == ""


def test_a_dvcignore_that_comes_or_goes_is_for_a_walk(repo: ModelRepo) -> None:
    repo.write("data/1/scratch.tmp", b"x")
    repo.git("commit", "-q", "-m", "with it")
    tracked = repo.read("data.dvc")
    repo.write(".dvcignore", "*.tmp\n")
    repo.git("commit", "-q", "-am", "ignored")
    ignored = repo.read("data.dvc")
    assert ignored != tracked
    assert repo.dvc("status", "-q").text == ""
    repo.write(".dvcignore", "")
    repo.write("data/1/1", b"changed")
    repo.git("commit", "-q", "-am", "taken again")
    assert repo.dvc("status", "-q").text == ""
    assert b"nfiles: 7001" in repo.read("data.dvc")
