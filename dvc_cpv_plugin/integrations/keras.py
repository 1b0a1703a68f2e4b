"""Keras 3: a model and its optimizer in a run, on any backend."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras import ops
from keras.callbacks import Callback

from cpv_hooks.errors import CPVError

if TYPE_CHECKING:
    from dvc_cpv_plugin.checkpoint_run import CheckpointRun

_WHOLE, _WEIGHTS = "model.keras", "model.weights.h5"


class CPVBackupAndRestore(Callback):  # type: ignore[misc]  # its types are known only where it is installed
    """A callback that saves in a run, after each epoch, and each `save_freq` batches where that is a number.

        with CheckpointRun(keep_last=2, keep_best=1, metric="val_loss") as run:
            backup = CPVBackupAndRestore(run)
            model.fit(x, y, epochs=100, initial_epoch=backup.restore(model), callbacks=[backup])

    A step is the optimizer's `iterations`. Keras cannot go on in the middle of an epoch: from a step that was saved
    there it goes through all of that epoch.
    """

    def __init__(self, run: CheckpointRun, save_freq: str | int = "epoch", *, save_weights_only: bool = False) -> None:
        super().__init__()
        if save_freq != "epoch" and (not isinstance(save_freq, int) or save_freq < 1):
            raise CPVError(f"save_freq is 'epoch' or a number of batches, not {save_freq!r}", fix="save_freq='epoch'")
        self._run = run
        self._every = save_freq if isinstance(save_freq, int) else None
        self._name = _WEIGHTS if save_weights_only else _WHOLE
        self._epoch = 0

    def restore(self, model: Any) -> int:
        """Load the newest complete step of the run; the epoch to go on with, for `fit(initial_epoch=…)`."""
        if not model.built:
            raise CPVError("the model is not built, so it has no weights to load", fix="model.build(input_shape)")
        found = self._run.resume(lambda folder: _load(model, folder))
        return int(found.metrics.get("epoch", 0)) if found else 0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Remember which it is."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Save where a signal has come, or it is one of the batches."""
        is_last = batch + 1 == self.params.get("steps")
        is_wanted = self._every is not None and (batch + 1) % self._every == 0 and not is_last
        if is_wanted or self._run.ending:
            self._step(logs, self._epoch + is_last)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Save where it is time."""
        self._step(logs, epoch + 1)

    def _step(self, logs: Mapping[str, Any] | None, epoch: int) -> None:
        step = int(ops.convert_to_numpy(self.model.optimizer.iterations))
        self._run.step(step, {**(logs or {}), "epoch": epoch}, save=self._save)

    def _save(self, folder: Path) -> None:
        path = folder / self._name
        self.model.save_weights(path) if self._name == _WEIGHTS else self.model.save(path)


def _load(model: Any, folder: Path) -> None:
    if model.optimizer is not None and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)  # its weights are loaded where it has some
    whole = folder / _WHOLE
    model.load_weights(whole if whole.exists() else folder / _WEIGHTS)
