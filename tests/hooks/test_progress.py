"""Hashing, upload, download and checkout show bytes, rate and time left: bars on a terminal, lines in a pipe."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support import repos
from support.repos import ModelRepo
from support.terminal import converse

SIZE = 6_000_000
PROGRAM = """
from cpv_hooks.console import progress
progress.BAR_AFTER = progress.LINE_AFTER = progress.LINE_EVERY = 0
from cpv_hooks.sync.sync_policy import SYNC
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.transfer.commits.upload_commits import ensure_uploaded
from cpv_hooks.recovery.guarded_sync import guarded_sync
repo = Repo.discover()
"""
SYNC, PUBLISH = "guarded_sync(repo, SYNC)\n", "ensure_uploaded(Project.find_all(repo)[0], ['HEAD'])\n"


def change(model: ModelRepo) -> str:
    """Something to hash."""
    model.write("model.bin", b"\1" * SIZE)
    model.write("data/b", b"\2" * SIZE)
    return SYNC


def unpublish(model: ModelRepo) -> str:
    """Something to upload."""
    shutil.rmtree(model.path.parent / "storage")
    shutil.rmtree(model.path / ".git/cpv")
    return PUBLISH


def forget(model: ModelRepo) -> str:
    """Something to download, and to check out."""
    (model.path / "model.bin").unlink()
    shutil.rmtree(model.path / ".dvc/cache")
    return SYNC


WORK: dict[str, tuple[Callable[[ModelRepo], str], str, int]] = {
    "hashing": (change, "sync: artifacts", 2 * SIZE),
    "upload": (unpublish, "uploading", SIZE),
    "download": (forget, "fetching model.bin", SIZE),
    "checkout": (forget, "sync: artifacts", SIZE),
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, _skeleton: Path) -> Path:
    """A folder with a repository and its remote, which has everything; made once, copied for each test."""
    folder = tmp_path_factory.mktemp("published")
    files = {"model.bin": b"\0" * SIZE, "data/a": "1"}
    model = repos.make(folder / "repo", _skeleton, remote="../../storage", install=False, files=files)
    model.python("-c", PROGRAM + PUBLISH, env={"CPV_QUIET": "1"})
    return folder


@pytest.fixture
def model(tmp_path: Path, published: Path) -> ModelRepo:
    shutil.copytree(published, tmp_path / "copy", symlinks=True)
    return ModelRepo(tmp_path / "copy/repo")


def program(model: ModelRepo, work: str) -> Path:
    """A program that does the work, with what is needed for it prepared."""
    path = model.path.parent / "program.py"
    path.write_text(PROGRAM + WORK[work][0](model))
    return path


@pytest.mark.parametrize("work", WORK)
def test_lines_in_a_pipe(model: ModelRepo, work: str) -> None:
    what, size = WORK[work][1:]
    done = model.python(program(model, work))
    lines = [line for line in done.err.splitlines() if line.startswith(f"cpv: {what}: ")]
    shape = r"cpv: .+: (\d+)% \([\d.]+ [kMG]?B of ([\d.]+ [kM]?B), [\d.]+ [kMG]?B/s(, [\dhmins ]+ left)?\)"
    found = [re.fullmatch(shape, line) for line in lines]
    assert all(found), lines
    assert any(one and one[3] for one in found), lines
    assert found[-1] and found[-1].groups() == ("100", f"{size / 1e6:.1f} MB", None), lines


@pytest.mark.parametrize("work", WORK)
def test_bars_on_a_terminal(model: ModelRepo, work: str) -> None:
    what, size = WORK[work][1:]
    path = program(model, work)
    status, shown = converse(["env", "TERM=xterm", "COLUMNS=120", sys.executable, path], model.path, [])
    assert status == 0, shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert f"cpv: {what} ━" in plain
    assert re.search(rf"{size / 1e6:.1f}/{size / 1e6:.1f} MB ([\d.]+ \wB/s|\?) (\d:\d\d:\d\d|-:--:--)", plain), plain


@pytest.mark.parametrize("work", WORK)
def test_nothing_when_quiet(model: ModelRepo, work: str) -> None:
    path = program(model, work)
    assert model.python(path, env={"CPV_QUIET": "1"}).text == ""
    status, shown = converse(["env", "TERM=xterm", "CPV_QUIET=1", sys.executable, path], model.path, [])
    assert (status, shown) == (0, "")
