"""Stories begin in a repository with two checkpoints, whose hooks are installed in one of four ways."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

import pytest

from e2e import story as stories
from e2e.story import Mode, Story


class Tell(Protocol):
    def __call__(
        self,
        mode: str = ...,
        *,
        settings: str = ...,
        files: Mapping[str, str] | None = ...,
        hooks: Mapping[str, str] | None = ...,
        name: str = ...,
    ) -> Story: ...


@pytest.fixture(scope="session")
def _seed(tmp_path_factory: pytest.TempPathFactory, _session_environment: None) -> Path:
    return stories.seed(tmp_path_factory.mktemp("stories"))


@pytest.fixture
def tell(tmp_path: Path, _seed: Path) -> Tell:
    """Begins a story in a mode, with more settings."""

    def begin(mode: str = "live", *, name: str = "story", **rest: Any) -> Story:
        return stories.tell(_seed, tmp_path / name, cast(Mode, mode), **rest)

    return begin


@pytest.fixture(params=["live", "shims"])
def story(request: pytest.FixtureRequest, tell: Tell) -> Story:
    """CPV's own hooks, with and without the fsmonitor."""
    return tell(request.param)


@pytest.fixture(params=["live", "shims", "pre-commit", "both"])
def any_story(request: pytest.FixtureRequest, tell: Tell) -> Story:
    """Every way of installation: CPV's own hooks, `pre-commit install` alone, or one in front of the other."""
    return tell(request.param)


@pytest.fixture
def live(tell: Tell) -> Story:
    """CPV's own hooks with live status, as `dvc cpv install` makes them."""
    return tell("live")
