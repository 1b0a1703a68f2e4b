"""Frameworks that save on all ranks of a job together: rank 0 decides, the others take part, and end when it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from cpv_hooks.system.disk_space import disk_that_filled

Save = Callable[[Path], object]


class Strategy(Protocol):
    """How a framework's processes speak with each other."""

    def broadcast(self, obj: Any, /) -> Any:
        """Give each rank what rank 0 gives."""

    def barrier(self) -> object:
        """Wait for each other."""


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
