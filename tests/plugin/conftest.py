"""One wheel and one virtual environment for the tests of the installation; one world for those of bad input."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.venv import Venv, build
from support.world import World
from support.world import build as build_world


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


@pytest.fixture(scope="session")
def _world(tmp_path_factory: pytest.TempPathFactory, _session_environment: None) -> World:
    return build_world(tmp_path_factory.mktemp("worlds"))


@pytest.fixture
def world(_world: World, tmp_path: Path) -> World:
    """A model repository with versions, and what is around it; made once, copied for each test."""
    return _world.copy(tmp_path / "world")


@pytest.fixture(scope="module")
def still_world(_world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The same for a whole module, whose tests all assert that nothing changes; `outside` has worse files too."""
    found = _world.copy(tmp_path_factory.mktemp("still") / "world")
    found.add_trouble()
    return found
