"""Lightning: a `Trainer`'s checkpoints in a run, beside `ModelCheckpoint` or in its place."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpv_hooks.errors import CPVError
from dvc_cpv_plugin.integrations.all_ranks import demand_ddp, save_step
from dvc_cpv_plugin.integrations.checkpoint_folders import keep_restored

if "pytorch_lightning" in sys.modules and "lightning" not in sys.modules:
    from pytorch_lightning.callbacks import Checkpoint
else:
    from lightning.pytorch.callbacks import Checkpoint

if TYPE_CHECKING:
    from dvc_cpv_plugin.checkpoint_run import CheckpointRun

FILE = "model.ckpt"


class CPVCheckpoint(Checkpoint):  # type: ignore[misc]  # its types are known only where it is installed
    """A callback that saves in a run, beside `ModelCheckpoint` (list it last) or in its place.

        with CheckpointRun(every=500, keep_last=2, keep_best=3, metric="val_loss") as run:
            checkpoint = CPVCheckpoint(run)
            trainer = Trainer(max_steps=100_000, callbacks=[checkpoint])
            trainer.fit(model, loader, ckpt_path=checkpoint.ckpt_path())

    It saves after a training batch; where the run has a `metric` and there is a validation, after each validation. A
    step is Lightning's `global_step`. Several processes (`strategy="ddp"`) save when rank 0 says so; on machines
    that share no disk use `CheckpointRun(sharded=True)`.
    """

    best_model_path = ""
    """Which it does not know: `ckpt_path="best"` is `ModelCheckpoint`'s."""

    def __init__(self, run: CheckpointRun) -> None:
        super().__init__()
        self._run = run
        self._kept: list[Path] = []
        self._before: dict[str, Any] = {}
        self._validated: set[str] = set()

    def ckpt_path(self) -> str | None:
        """The newest complete step of the run, for `trainer.fit(ckpt_path=…)`; None where there is none yet."""
        self._run.resume(lambda folder: self._kept.append(keep_restored(folder)))
        return str(self._kept[0] / FILE) if self._kept else None

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Refuse a run that its processes cannot save in together."""
        if self._run.rank != trainer.global_rank:
            what = f"the run's rank is not the trainer's {trainer.global_rank} of {trainer.world_size}"
            raise CPVError(what, fix="strategy='ddp' on one machine, or torchrun")
        if self._run.sharded:
            demand_ddp(trainer.strategy)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """What it went on from has been read; and Lightning's handler of SIGTERM is in place."""
        for kept in self._kept:
            shutil.rmtree(kept, ignore_errors=True)
        if trainer.world_size > 1:
            self._run.watch_signals()  # at a signal Lightning's would wait for the other ranks, whatever they do

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Save where it is time, or a signal has come."""
        self._step(trainer, is_time=not self._waits_for_validation(trainer))

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        """Note what there is before it."""
        self._before = dict(trainer.callback_metrics)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Save where it is time."""
        metrics = trainer.callback_metrics
        self._validated |= {name for name in metrics if metrics[name] is not self._before.get(name)}
        if not trainer.sanity_checking and trainer.state.fn == "fit" and self._waits_for_validation(trainer):
            self._step(trainer, metrics)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """At a SIGTERM Lightning ends by itself, with status 0, where that comes in a validation."""
        if self._run.ending and isinstance(exception, SystemExit) and exception.code is None:
            self._step(trainer)

    def _step(self, trainer: Any, metrics: Mapping[str, Any] | None = None, *, is_time: bool = True) -> None:
        if metrics is None:
            # A validation's are there until the next one, and are not this step's.
            metrics = {name: value for name, value in trainer.callback_metrics.items() if name not in self._validated}
        known = {**metrics, "epoch": trainer.current_epoch}
        step = partial(self._run.step, trainer.global_step, known)
        save_step(self._run, trainer.strategy, step, lambda path: trainer.save_checkpoint(path / FILE), is_time=is_time)

    def _waits_for_validation(self, trainer: Any) -> bool:
        return self._run.metric is not None and trainer.enable_validation
