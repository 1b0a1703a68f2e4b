"""SIGKILL in every operation, at every step of its journal and at any time; then everybody goes on as normal.

`CPV_KILL_ROUNDS=N` kills at every step, N times over, and as often at random times; without it a sample is taken. Each
test prints its figures in a line.
"""

from __future__ import annotations

import os
import random

import pytest

from e2e.conftest import Tell
from e2e.kills import OPERATIONS, Figures, Operation, World, counted, duration

ROUNDS = int(os.environ.get("CPV_KILL_ROUNDS", "0"))
pytestmark = [pytest.mark.timeout(300 + 600 * ROUNDS), pytest.mark.real_hooks]


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
    with counted(operation.name, capfd) as figures:
        kill_everywhere(tell, operation, figures)
