"""The repository that these tests break and mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import two_versions
from support.repos import ModelRepo


@pytest.fixture
def repo(tmp_path: Path) -> ModelRepo:
    """Two versions, both on the remote."""
    return two_versions.copy(tmp_path)
