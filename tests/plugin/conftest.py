"""One wheel and one virtual environment for the tests of the installation."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.venv import Venv, build


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory, real_environment: dict[str, str]) -> Path:
    return build(tmp_path_factory.mktemp("wheel"), real_environment, "wheel")


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory, real_environment: dict[str, str]) -> Path:
    return build(tmp_path_factory.mktemp("sdist"), real_environment, "sdist")


@pytest.fixture(scope="session")
def venv(tmp_path_factory: pytest.TempPathFactory, real_environment: dict[str, str]) -> Venv:
    """Empty at first; each test installs what it is about."""
    return Venv.make(tmp_path_factory.mktemp("venv") / "venv", real_environment)
