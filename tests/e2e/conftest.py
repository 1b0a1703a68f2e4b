"""Stories begin in a repository with two checkpoints, whose hooks are installed in one of four ways.

Where a test could be told in several ways, the suite tells it in one, chosen by its name; `CPV_MODES=all` in each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, cast, get_args
from zlib import crc32

import pytest
from conftest import REAL_ENVIRONMENT

from cpv_hooks.system.signatures import TEMPORARY
from e2e import story as stories
from e2e.story import Mode, Story
from support import state


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if REAL_ENVIRONMENT.get("CPV_MODES") == "all":
        return
    ways: dict[str, list[pytest.Item]] = {}
    for item in items:
        told_here = item.path.is_relative_to(Path(__file__).parent)
        ways.setdefault(_without_mode(item) if told_here else item.nodeid, []).append(item)
    chosen = {id(same[crc32(name.encode()) % len(same)]) for name, same in ways.items()}
    items[:] = [item for item in items if id(item) in chosen]


def _without_mode(item: pytest.Item) -> str:
    """The name of a test, the same for all ways in which it can be told."""
    params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    found = [params[name] for name in ("mode", "story", "any_story") if params.get(name) in get_args(Mode)]
    name, bracket, rest = item.nodeid.partition("[")
    return name + bracket + (rest.replace(found[0], "*", 1) if found else rest)


@pytest.fixture(scope="session")
def _seed(tmp_path_factory: pytest.TempPathFactory, _session_environment: None) -> Path:
    return stories.seed(tmp_path_factory.mktemp("stories"))


@pytest.fixture
def tell(tmp_path: Path, _seed: Path, real_hooks: bool) -> Iterator[Tell]:
    """Begins a story in a mode, with more settings; none may leave a file of CPV's that has no name in the list."""

    def begin(mode: str = "live", *, name: str = "story", **rest: Any) -> Story:
        rest.setdefault("real_hooks", real_hooks)
        return stories.tell(_seed, tmp_path / name, cast(Mode, mode), **rest)

    yield begin
    strange = [name for git_dir in tmp_path.glob("*/.git") for name in state.strange(git_dir)]
    assert not [name for name in strange if not name.endswith(TEMPORARY)]


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
