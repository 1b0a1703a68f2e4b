"""Transformers: the checkpoints of a `Trainer` in a run, before it rotates them away."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainerCallback

from cpv_hooks.errors import CPVError
from cpv_hooks.ranks.rank_place import process_group
from cpv_hooks.system.hard_links import link_tree
from dvc_cpv_plugin.integrations.checkpoint_folders import keep_restored, place_restored

if TYPE_CHECKING:
    from dvc_cpv_plugin.checkpoint_run import CheckpointRun


class CPVCallback(TrainerCallback):  # type: ignore[misc]  # its types are known only where it is installed
    """A callback that takes each checkpoint of a `Trainer` into a run.

        with CheckpointRun(keep_last=2, keep_best=1, metric="eval_loss") as run:
            callback = CPVCallback(run)
            trainer = Trainer(model, args, callbacks=[callback], …)
            trainer.train(resume_from_checkpoint=callback.last_checkpoint(args.output_dir))

    The `Trainer` saves as `save_steps` or `save_strategy` say, and after a signal; the files are taken by hard link, so
    that it may rotate them away (`save_total_limit`). The metrics are those that it logged at that step.
    """

    def __init__(self, run: CheckpointRun) -> None:
        self._run = run
        self._kept: Path | None = None

    def last_checkpoint(self, output_dir: str | os.PathLike[str]) -> str | None:
        """The newest complete step of the run as `output_dir/checkpoint-STEP`; None where there is none yet.

        It is brought there where it is not, and with it the best one, for `load_best_model_at_end`.
        """
        output = Path(output_dir)
        found = self._run.resume(self._keep if self._run.rank else lambda folder: _place(folder, output))
        if found is None:
            return None
        if self._kept is not None:
            return str(self._kept)
        checkpoint = output / f"checkpoint-{found.step}"
        best = re.search(r"checkpoint-(\d+)$", str(_state(checkpoint).get("best_model_checkpoint")))
        if best and not (output / best[0]).exists():
            with suppress(CPVError):  # said already; the Trainer goes on without it
                self._run.restore(int(best[1]), lambda folder: _place(folder, output))
        return str(checkpoint)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """After a signal the Trainer is to save now, on all ranks at one step."""
        if _told_by_rank_0(self._run.ending, args.device):
            control.should_save = True
        if self._kept is not None:
            shutil.rmtree(self._kept, ignore_errors=True)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take what it has saved; after a signal, end."""
        if (group := process_group()) is not None:
            group.barrier()  # each writes its part
        step = state.global_step
        metrics = [entry for entry in state.log_history if entry.get("step") == step]
        merged = {name: value for entry in metrics for name, value in entry.items() if name != "step"}
        source = Path(args.output_dir, f"checkpoint-{step}")
        self._run.step(step, merged, save=lambda folder: link_tree(source, folder))

    def _keep(self, folder: Path) -> None:
        # Another rank than that which writes to the output folder, perhaps on another machine.
        self._kept = keep_restored(folder)


def _told_by_rank_0(flag: bool, device: Any) -> bool:
    """Whether the flag is up on rank 0: saving has barriers, so a rank must not do it at a step of its own."""
    group = process_group()
    if group is None:
        return flag
    told = torch.tensor(int(flag), device=device)
    group.broadcast(told, src=0)
    return bool(told.item())


def _place(folder: Path, output: Path) -> None:
    place_restored(folder, output / f"checkpoint-{_state(folder)['global_step']}")


def _state(checkpoint: Path) -> Mapping[str, Any]:
    found = json.loads((checkpoint / "trainer_state.json").read_bytes())
    return found if isinstance(found, dict) else {}
