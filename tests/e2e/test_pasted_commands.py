"""Commands that CPV advises work as they are pasted, also in a folder and for an artifact with difficult names."""

from __future__ import annotations

import json
import os
import re
from typing import NamedTuple

import pytest
from conftest import MakeRepo
from pathspec.patterns import GitWildMatchPattern

from support.repos import SETTINGS, ModelRepo
from support.shell import BIN, Result

FOLDER = "my drive (2)"


class Names(NamedTuple):
    """An artifact, one that is not tracked yet, how the settings name the two, and where the user stands."""

    name: str
    other: str
    settings: tuple[str, str]
    stands: str = "."

    @property
    def pointer(self) -> str:
        return f"{self.name}.dvc"


SHELL = Names("it's $x;y.bin", "two  blanks' (c).bin", ("it's $x;y.bin", "two  blanks' (c).bin"))
GLOB = Names("model[1]*.bin", "best?.bin", ("model[[]1][*].bin", "best[?].bin"), stands="-src/[a]")
MATCHED = ("model1x.bin", "bests.bin")
"""What Git takes these names for where it takes them for patterns."""


BOTH = pytest.mark.parametrize("names", [SHELL, GLOB], ids=["shell", "glob"], indirect=True)


@pytest.fixture
def names(request: pytest.FixtureRequest) -> Names:
    found: Names = getattr(request, "param", SHELL)
    return found


@pytest.fixture
def repo(make_repo: MakeRepo, names: Names) -> ModelRepo:
    settings = SETTINGS + f"[artifacts]\nmodel = {json.dumps(list(names.settings))}\n"
    repo = make_repo(FOLDER, settings=settings, files={names.name: "one"})
    repo.write(f"{names.stands}/code.py", "x")
    return repo


def pasted(repo: ModelRepo, said: Result, cwd: str = ".") -> str:
    """Run the first command that a line advises, without the remark after it."""
    advised = [line.split("; fix: ")[1] for line in said.text.splitlines() if "; fix: " in line]
    command = re.split(r" \((?:or|CPV|keeps)|, then |, or |; ", advised[0])[0]
    repo.run("sh", "-c", command, env={"PATH": f"{BIN}:{os.environ['PATH']}"}, cwd=cwd)
    return command


@BOTH
def test_a_broken_pointer(repo: ModelRepo, names: Names) -> None:
    for other in MATCHED:
        repo.write(f"{other}.dvc", "outs:\n- path: x\n")
    repo.git("add", *(f"{other}.dvc" for other in MATCHED))
    repo.git("commit", "-qm", "others", "--no-verify")
    for other in MATCHED:
        repo.write(f"{other}.dvc", f"outs:\n- path: {other}\n")
    whole = repo.read(names.pointer)
    repo.write(names.pointer, "outs: [\n")
    pasted(repo, repo.git("commit", "-am", "second", status=1, cwd=names.stands), names.stands)
    assert repo.read(names.pointer) == whole
    assert repo.read(f"{MATCHED[0]}.dvc") == f"outs:\n- path: {MATCHED[0]}\n".encode()


@BOTH
def test_a_conflict(repo: ModelRepo, names: Names) -> None:
    repo.git("checkout", "-q", "-b", "other")
    for branch, text in (("other", "theirs"), ("main", "ours")):
        repo.git("checkout", "-q", branch)
        repo.write(names.name, text)
        repo.commit(text)
    repo.git("merge", "other", status=1)
    pasted(repo, repo.cpv("sync", status=1, cwd=names.stands), names.stands)
    repo.git("commit", "-q", "-m", "merged")
    assert repo.read(names.name) == b"ours"
    assert repo.git("status", "--porcelain", "-uno").out == ""


@pytest.mark.parametrize("names", [GLOB], ids=["glob"], indirect=True)
def test_a_conflict_that_is_settled_by_training_again(repo: ModelRepo, names: Names) -> None:
    repo.git("checkout", "-q", "-b", "other")
    for branch, text in (("other", "theirs"), ("main", "ours")):
        repo.git("checkout", "-q", branch)
        repo.write(names.name, text)
        repo.commit(text)
    repo.git("merge", "other", status=1)
    repo.write(names.name, "trained again")
    up = os.path.relpath(".", names.stands)
    repo.git("add", "--", f":(literal){os.path.normpath(f'{up}/{names.pointer}')}", cwd=names.stands)
    repo.git("commit", "-q", "-m", "merged")
    assert repo.md5(names.name).encode() in repo.git("show", f"HEAD:{names.pointer}").out.encode()


@BOTH
def test_an_artifact_that_git_tracks(repo: ModelRepo, names: Names) -> None:
    for name in (names.other, *MATCHED):
        repo.write(name, "Git's")
        repo.git("add", "-f", "--", f":(literal){name}")
    repo.git("commit", "-q", "-m", "wrong", "--no-verify")
    up = os.path.relpath(".", names.stands)
    there = os.path.normpath(f"{up}/{names.other}")
    pasted(repo, repo.cpv("model", "upload", there, status=1, cwd=names.stands), names.stands)
    listed = repo.git("ls-files", "-z", "--", "*.bin", "*.bin.dvc").out.split("\0")
    assert sorted(filter(None, listed)) == sorted([names.pointer, f"{names.other}.dvc", *MATCHED])
    assert repo.git("log", "-1", "--format=%s").out == f"Track {names.other} with DVC\n"


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


# With a pathspec before 1.0 DVC writes a backslash into `.gitignore` as it is, and Git takes the file itself.
ESCAPED = ["back\\slash.bin"] if GitWildMatchPattern.escape("\\") == "\\\\" else []
NAMED = ("model[1]*.bin", ":(top)x.bin", *ESCAPED)


def test_names_that_git_could_take_for_patterns_mean_themselves(make_repo: MakeRepo) -> None:
    """Tracked, committed by name, checked out, uploaded, reverted; what a pattern would match is not touched."""
    repo = make_repo("m[1]*", files={"plain.bin": "plain"})
    repo.write("model1x.bin", "code")
    repo.git("add", "model1x.bin")
    for name in NAMED:
        repo.write(name, "one")
        repo.dvc("add", "-q", f"./{name}")
    repo.git("add", "-A")
    repo.git("commit", "-qm", "one")
    assert repo.changes() == []
    repo.write("model1x.bin", "code that is not for this commit")
    for name in NAMED:
        repo.write(name, "two")
    repo.git("commit", "-qm", "two", "--", *(f":(literal){name}.dvc" for name in NAMED))
    assert repo.changes() == [" M model1x.bin"]
    repo.git("checkout", "-q", "--", "model1x.bin")
    repo.write(NAMED[0], "unsaved")
    repo.git("status")
    repo.git("checkout", "-qf", "HEAD")
    assert [repo.read(name) for name in NAMED] == [b"two"] * len(NAMED)
    assert NAMED[0] in repo.cpv("rescue", "list").out
    repo.git("checkout", "-q", "v0.1")
    assert [repo.read(name) for name in NAMED] == [b"one"] * len(NAMED)
    repo.git("checkout", "-q", "main")
    for name in NAMED:
        repo.git("rm", "-q", "--cached", "--", f":(literal){name}.dvc")
        repo.git("commit", "-qm", f"without {name}")
        (repo.path / f"{name}.dvc").unlink(missing_ok=True)
        repo.write(name, "three")
        repo.cpv("model", "upload", f"./{name}")
    assert repo.changes() == []
    assert repo.read("model1x.bin") == b"code"
