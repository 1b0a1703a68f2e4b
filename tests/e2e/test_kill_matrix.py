"""SIGKILL in every operation, at every step of its journal and at any time; then everybody goes on as normal.

`CPV_KILL_ROUNDS=N` kills at every step, N times over, and as often at random times; without it a sample is taken. Each
test prints its figures in a line.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cpv_hooks.events import SYNC
from cpv_hooks.git import Repo
from cpv_hooks.install import install
from cpv_hooks.sync import sync
from cpv_hooks.uninstall import uninstall
from e2e.conftest import Tell
from e2e.kills import Figures, Operation, World, duration
from e2e.story import Story

ROUNDS = int(os.environ.get("CPV_KILL_ROUNDS", "0"))


def no_hooks(story: Story) -> None:
    uninstall(Repo.discover(story.path))


def hooks_again(story: Story) -> None:
    install(Repo.discover(story.path))
    sync(Repo.discover(story.path), SYNC)  # what was trained without CPV is saved before more is
    story.train(9)


OPERATIONS = [
    Operation("upload", "plan_upload(project, MODEL, Path('../new.bin'), metrics={'loss': 1}).run()"),
    Operation("tag", "plan_tag(project, [MODEL]).run()"),
    Operation("combined tag", "plan_tag(project, [MODEL, DATA]).run()"),
    Operation("revert of the model", "plan_revert(project, [MODEL], 'v0.0', force=True).run()"),
    Operation("revert of the data", "plan_revert(project, [DATA], 'data-v0.0', force=True).run()"),
    Operation("install", "from cpv_hooks.install import install; install(repo)", no_hooks, no_hooks),
    Operation("uninstall", "from cpv_hooks.uninstall import uninstall; uninstall(repo)", again=hooks_again),
]


@contextmanager
def figures_of(what: str, capfd: pytest.CaptureFixture[str]) -> Iterator[Figures]:
    """Counts, prints and checks."""
    figures, begun = Figures(), time.monotonic()
    yield figures
    with capfd.disabled():
        print("\n" + figures.line(what, time.monotonic() - begun))
    figures.check()


def kill_everywhere(tell: Tell, operation: Operation, figures: Figures) -> None:
    """In a world of its own for each kill; the seed decides everything that is chosen."""
    chance = random.Random(operation.name)
    names = iter(range(10**6))

    def world() -> World:
        mode = chance.choice(["live", "shims"])
        return World(tell(mode, name=f"story-{next(names)}"), operation)

    steps, seconds = duration(world())
    assert steps[-1] == "done"
    at = steps * ROUNDS if ROUNDS else [chance.choice(steps)]
    for step in at:
        killed = world()
        killed.kill_at(step)
        killed.go_on(figures, chance)
    for _ in range(len(steps) * ROUNDS):
        killed = world()
        if killed.kill_after(chance.uniform(0, seconds), group=chance.random() < 0.5):
            killed.go_on(figures, chance)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_a_kill_in_an_operation(tell: Tell, operation: Operation, capfd: pytest.CaptureFixture[str]) -> None:
    with figures_of(operation.name, capfd) as figures:
        kill_everywhere(tell, operation, figures)
