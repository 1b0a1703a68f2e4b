"""LightGBM: the booster of `lightgbm.train` in a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightgbm import Booster

if TYPE_CHECKING:
    from dvc_cpv_plugin.checkpoint_run import CheckpointRun

FILE = "model.txt"


class cpv_checkpoint:
    """A callback that saves in a run. A step is a number of boosting rounds.

        with CheckpointRun(every=100, keep_last=2) as run:
            checkpoint = cpv_checkpoint(run)
            booster = checkpoint.resume()
            rounds = 10_000 - checkpoint.rounds
            lgb.train(params, data, rounds, init_model=booster, callbacks=[checkpoint])

    The metrics are called `valid_0-l2`.
    """

    order = 25
    """After the callbacks that log, before `early_stopping`, which may end the training."""

    def __init__(self, run: CheckpointRun) -> None:
        self._run = run
        self.rounds = 0
        """How many rounds there were when training went on."""

    def resume(self) -> Booster | None:
        """The booster of the newest complete step, for `init_model`; None where there is none yet."""
        found: list[Booster] = []
        step = self._run.resume(lambda folder: found.append(Booster(model_file=folder / FILE)))
        if step is None:
            return None
        self.rounds = step.step
        return found[0]

    def __call__(self, env: Any) -> None:
        """Save where it is time, or a signal has come."""
        metrics = {f"{result[0]}-{result[1]}": result[2] for result in env.evaluation_result_list or ()}

        def save(folder: Path) -> None:
            env.model.save_model(folder / FILE, num_iteration=-1)

        self._run.step(env.iteration + 1, metrics, save=save)
