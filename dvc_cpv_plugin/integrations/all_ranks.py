"""Frameworks that save on all ranks of a job together: rank 0 decides, the others take part, and end when it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cpv_hooks.errors import CPVError
from cpv_hooks.system.disk_space import disk_that_filled

if TYPE_CHECKING:
    from dvc_cpv_plugin.checkpoint_run import CheckpointRun

Save = Callable[[Path], object]


class Strategy(Protocol):
    """How a framework's processes speak with each other."""

    def broadcast(self, obj: Any, /) -> Any:
        """Give each rank what rank 0 gives."""

    def barrier(self) -> object:
        """Wait for each other."""

    def reduce_boolean_decision(self, decision: bool, all: bool) -> bool:
        """Whether all ranks decide so, or any does."""


def demand_ddp(strategy: Strategy) -> None:
    """Refuse what cannot be saved without a disk that all ranks share. Raises `CPVError`."""
    names = [kind.__name__ for kind in type(strategy).__mro__]
    if "DDPStrategy" not in names:
        # All of its ranks write to where rank 0 says, which on another machine nobody would look at.
        what = f"with sharded=True {names[0]} cannot be saved"
        raise CPVError(what, fix="CheckpointRun() and a file system that all ranks share, or strategy='ddp'")


def save_step(
    run: CheckpointRun, strategy: Strategy, step: Callable[[Save], object], save: Save, *, is_time: bool
) -> None:
    """Do `step(save)` where it is time, or a signal has come. All ranks call this at one step."""
    if run.sharded:
        # Each rank has a part of the step, though rank 0's may be all that there is.
        if is_time or strategy.reduce_boolean_decision(run.ending, all=False):
            step(save)
        return

    def act(save_on_all: Save) -> None:
        if is_time or run.ending:
            step(save_on_all)

    save_together(run.rank, strategy, act, save)


def save_together(rank: int, strategy: Strategy, act: Callable[[Save], object], save: Save) -> None:
    """Do `act(save)` on rank 0; what it saves, the others save with it. All ranks call this at one step.

    Where `act` ends the job the others end with status 0, so that no launcher takes one of them for a failure and
    kills rank 0 before it has uploaded. `save` ends with a barrier.
    """
    if rank:
        folder, is_over = strategy.broadcast(None)
        while folder is not None:
            save(folder)
            folder, is_over = strategy.broadcast(None)
        if is_over:
            raise SystemExit(0)
        return

    def save_on_all(folder: Path) -> None:
        strategy.broadcast((folder, False))
        try:
            save(folder)
        except Exception as error:
            if disk_that_filled(error, folder) is not None:
                strategy.barrier()  # the others wait there; training goes on
            raise

    try:
        act(save_on_all)
    except SystemExit:
        strategy.broadcast((None, True))
        raise
    strategy.broadcast((None, False))
