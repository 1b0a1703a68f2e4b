"""The repository of which these tests remove what nothing needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import two_versions
from support.repos import ModelRepo


@pytest.fixture(scope="session")
def _base(tmp_path_factory: pytest.TempPathFactory, _session_environment: None) -> Path:
    return two_versions.base(tmp_path_factory.mktemp("prune"))


@pytest.fixture
def repo(tmp_path: Path, _base: Path) -> ModelRepo:
    """Two versions, both on the remote."""
    return two_versions.copy(_base, tmp_path)
