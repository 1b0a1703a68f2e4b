"""XGBoost: the booster of `xgboost.train` in a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from xgboost import Booster
from xgboost.callback import TrainingCallback

if TYPE_CHECKING:
    from dvc_cpv_plugin.checkpoint_run import CheckpointRun

FILE = "model.ubj"


class CPVTrainingCheckPoint(TrainingCallback):  # type: ignore[misc]  # its types are known only where it is installed
    """A callback that saves in a run. A step is a number of boosting rounds.

        with CheckpointRun(every=100, keep_last=2) as run:
            checkpoint = CPVTrainingCheckPoint(run)
            booster = checkpoint.resume()
            rounds = 10_000 - checkpoint.rounds
            xgb.train(params, data, rounds, xgb_model=booster, callbacks=[checkpoint])

    The metrics are called as XGBoost prints them: `eval-logloss`.
    """

    def __init__(self, run: CheckpointRun) -> None:
        super().__init__()
        self._run = run
        self.rounds = 0
        """How many rounds there were when training went on."""

    def resume(self) -> Booster | None:
        """The booster of the newest complete step, for `xgb_model`; None where there is none yet."""
        booster = Booster()
        found = self._run.resume(lambda folder: booster.load_model(folder / FILE))
        if found is None:
            return None
        self.rounds = found.step
        return booster

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Save where it is time, or a signal has come."""
        metrics = {
            f"{data}-{name}": values[-1][0] if isinstance(values[-1], tuple) else values[-1]
            for data, by_name in evals_log.items()
            for name, values in by_name.items()
        }

        def save(folder: Path) -> None:
            model.save_model(folder / FILE)

        self._run.step(self.rounds + epoch + 1, metrics, save=save)
        return False
