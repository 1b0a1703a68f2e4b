"""A repository with a version of each line, made once and copied for each test."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cpv_hooks.git.repo import Repo
from cpv_hooks.operations.make.tag import plan_tag
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from support import repos
from support.repos import ModelRepo

FILES: dict[str, str | bytes] = {
    "model.bin": b"weights" * 1000,
    "metrics.log": '{"loss": 0.5}\n',
    "tokenizer/vocab": "a b c",
    "tokenizer/deep/merges": "ab",
    "data/a": "1",
    "data/sub/b": "2",
}


@pytest.fixture(scope="session")
def _versions(tmp_path_factory: pytest.TempPathFactory, _skeleton: Path) -> Path:
    folder = tmp_path_factory.mktemp("versions")
    # Relative to `.dvc`, so that a copy has its own.
    repos.make(folder / "repo", _skeleton, remote="../../storage", files=FILES)
    return folder


@pytest.fixture
def versions(_versions: Path, tmp_path: Path) -> ModelRepo:
    """v0.0 and data-v0.0 of `FILES` in `repo`: cached, and on the remote `storage` beside it."""
    return _copy(_versions, tmp_path)


@pytest.fixture(scope="session")
def _two(tmp_path_factory: pytest.TempPathFactory, _versions: Path) -> Path:
    folder = tmp_path_factory.mktemp("two")
    repo = _copy(_versions, folder)
    project = Project.find_all(Repo.discover(repo.path))[0]
    repo.write("../first.json", json.dumps(repo.tree()))
    repo.write("model.bin", b"second")
    repo.write("data/a", "changed")
    repo.write("data/new", "x")
    repo.write("extra.bin", b"extra")
    repo.dvc("add", "-q", "extra.bin")
    repo.write("train.py", "second\n")
    repo.git("add", "train.py", "extra.bin.dvc", ".gitignore")
    plan_tag(project, list(Line)).run()
    repo.git("commit", "-qam", "rest", "--no-verify")
    plan_tag(project, list(Line), version="1.0").run()
    return folder


@pytest.fixture
def two(_two: Path, tmp_path: Path) -> ModelRepo:
    """A second version of both lines, v1.0, with code, an artifact and a file of the data that v0.0 has not.

    The tree of v0.0 is in `first.json` beside it.
    """
    return _copy(_two, tmp_path)


def _copy(template: Path, folder: Path) -> ModelRepo:
    shutil.copytree(template, folder, symlinks=True, dirs_exist_ok=True)
    # What the installation noted of where it is, so that no copy takes the hooks of the others away.
    for name in ("config", "cpv/install.json"):
        path = folder / "repo/.git" / name
        path.write_text(path.read_text().replace(str(template), str(folder)))
    return ModelRepo(folder / "repo")
