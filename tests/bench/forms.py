"""How much is measured: the smallest that runs at all, ten minutes of two cores, or everything."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Form:
    """Rounds and sizes. Sizes named `mb` are in MiB."""

    name: str
    rounds: int
    """Of work that takes seconds."""
    quick: int
    """Of Git commands with nothing to do."""
    starts: int
    """Of an empty Python."""
    large_mb: int
    small_files: int
    folder_files: int
    copied_files: int
    """That are checked out beside a copy."""
    models: int
    model_mb: int
    files: tuple[int, ...]
    sizes_mb: tuple[int, ...]
    versions: tuple[int, ...]
    artifacts: tuple[int, ...]
    history: tuple[int, ...]
    """Versions that are listed."""
    checkpoint_mb: int
    saves: int
    """Checkpoints of a training that is timed."""
    run_steps: int
    """Steps of a run that keeps five."""
    patient: bool = False
    """Whether peers take part that need more than minutes."""


SMALLEST = Form("smallest", 1, 1, 2, 1, 4, 4, 4, 2, 1, (1, 4), (1, 2), (1, 4), (1, 2), (1, 4), 1, 2, 8)
SHORT = Form(
    "short", 3, 9, 60, 200, 2000, 5000, 20_000, 4, 64,
    files=(1, 10, 100, 1000, 10_000),
    sizes_mb=(1, 10, 100, 400),
    versions=(1, 10, 100, 1000),
    artifacts=(1, 5, 20, 50),
    history=(1, 1000, 10_000), checkpoint_mb=64, saves=4, run_steps=60,
)  # fmt: skip
FULL = Form(
    "full", 5, 25, 300, 1024, 10_000, 100_000, 20_000, 6, 256,
    files=(1, 1000, 10_000, 100_000, 1_000_000),
    sizes_mb=(1, 10, 100, 1000, 10_000),
    versions=(1, 10, 100, 1000, 10_000),
    artifacts=(1, 5, 20, 50, 100, 200),
    history=(1, 1000, 10_000), checkpoint_mb=200, saves=6, run_steps=1000, patient=True,
)  # fmt: skip
