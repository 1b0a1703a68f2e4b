"""Stories begin in a repository with two checkpoints, whose hooks are installed in one of four ways.

Where a test could be told in several ways, the suite tells it in the one that `modes.txt` names; `CPV_MODES=others` in
those that are left, `CPV_MODES=all` in each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, cast, get_args

import pytest
from conftest import REAL_ENVIRONMENT

from cpv_hooks.system.atomic_files import TEMPORARY
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


TABLE = Path(__file__).parent / "modes.txt"
"""A test and its mode in a line; `CPV_MODES=write` gives each new test the mode that has the fewest."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    wanted = REAL_ENVIRONMENT.get("CPV_MODES", "table")
    if wanted == "all":
        return
    modes = {id(item): way for item in items if (way := _way(item))}
    ways: dict[str, list[str]] = {}
    for name, mode in modes.values():
        ways.setdefault(name, []).append(mode)
    table = dict(line.rsplit(" ", 1) for line in TABLE.read_text(encoding="utf-8").splitlines())
    lost = [name for name, found in ways.items() if len(found) > 1 and table.get(name) not in found]
    if lost and wanted == "write":
        _write(table, {name: ways[name] for name in lost}, ways)
    elif lost:
        fix = "CPV_MODES=write pytest -n0 -q --collect-only tests/e2e"
        raise pytest.UsageError(f"{TABLE.name} has no mode for {lost[0]}; fix: {fix}")
    items[:] = [item for item in items if _is_told(modes.get(id(item)), table, wanted, ways)]


def _write(table: dict[str, str], lost: Mapping[str, list[str]], ways: Mapping[str, list[str]]) -> None:
    told = Counter(table.values())
    for name, modes in lost.items():
        table[name] = min(modes, key=lambda mode: told[mode])
        told[table[name]] += 1
    lines = (f"{name} {mode}\n" for name, mode in sorted(table.items()) if mode in ways.get(name, ()))
    TABLE.write_text("".join(lines), encoding="utf-8")


def _is_told(way: tuple[str, str] | None, table: Mapping[str, str], wanted: str, ways: Mapping[str, list[str]]) -> bool:
    if way is None or len(ways[way[0]]) == 1:
        return wanted != "others"
    name, mode = way
    return (table[name] == mode) is (wanted != "others")


def _way(item: pytest.Item) -> tuple[str, str] | None:
    """The name of a test, the same for all ways in which it can be told, and the way; None for a test of one way."""
    if not item.path.is_relative_to(Path(__file__).parent) or not hasattr(item, "callspec"):
        return None
    params = item.callspec.params
    found = [params[name] for name in ("mode", "story", "any_story") if params.get(name) in get_args(Mode)]
    if not found:
        return None
    name, bracket, rest = item.nodeid.partition("[")
    return f"{name.rpartition('/')[2]}{bracket}{rest.replace(found[0], '*', 1)}", found[0]


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
