"""A repository with a version of each line, made once and copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

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
    shutil.copytree(_versions, tmp_path, symlinks=True, dirs_exist_ok=True)
    return ModelRepo(tmp_path / "repo")
