"""Figures of jobs whose processes are killed. `CPV_RUN_KILL_ROUNDS=N`: how many times over; without it a sample."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

ROUNDS = int(os.environ.get("CPV_RUN_KILL_ROUNDS", "0"))


@dataclass
class Figures:
    """What is counted over many kills."""

    kills: int = 0
    lost: int = 0
    incomplete: int = 0


@contextmanager
def counted(what: str, capfd: pytest.CaptureFixture[str]) -> Iterator[Figures]:
    """Counts, prints and checks."""
    figures = Figures()
    yield figures
    with capfd.disabled():
        print(
            f"\nruns, {what}: {figures.kills} kills, {figures.lost} steps lost beyond the one under way, "
            f"{figures.incomplete} incomplete steps resumed"
        )
    assert (figures.lost, figures.incomplete) == (0, 0)
