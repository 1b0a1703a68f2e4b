"""Accelerate: what `accelerator.save_state` writes, in a run."""

from __future__ import annotations

import re
from pathlib import Path

from accelerate import Accelerator

from cpv_hooks.system.hard_links import link_tree

_NUMBER = re.compile(r"checkpoint_(\d+)")


class AcceleratorState:
    """`save_state` and `load_state` of an `Accelerator`, for `CheckpointRun`.

        state = AcceleratorState(accelerator)
        with CheckpointRun(every=500, keep_last=2, sharded=True) as run:
            start = run.resume(state.load)
            for step in range(start.step + 1 if start else 0, steps):
                ...
                run.step(step, {"loss": loss}, save=state.save)

    Each process has something to save, its random numbers at least: with several `sharded=True` is needed.

    With `automatic_checkpoint_naming` the checkpoint is also in Accelerate's own folder, which goes by `total_limit`.
    """

    def __init__(self, accelerator: Accelerator) -> None:
        self._accelerator = accelerator

    def save(self, folder: Path) -> None:
        """Write the state into a folder; for `run.step(…, save=state.save)`."""
        if self._names_by_itself:
            # It writes nowhere but to its own folder, whatever it is given.
            link_tree(Path(self._accelerator.save_state()), folder)
        else:
            self._accelerator.save_state(str(folder))

    def load(self, folder: Path) -> None:
        """Read it from there; for `run.resume(state.load)`."""
        self._accelerator.load_state(str(folder))
        if self._names_by_itself:
            # It begins again at 0, and refuses a name that is taken.
            own = Path(self._accelerator.project_dir, "checkpoints")
            numbers = [int(found[1]) for path in own.glob("*") if (found := _NUMBER.fullmatch(path.name))]
            self._accelerator.project_configuration.iteration = max(numbers, default=-1) + 1

    @property
    def _names_by_itself(self) -> bool:
        return bool(self._accelerator.project_configuration.automatic_checkpoint_naming)
