"""Plain PyTorch: the state of a training loop, saved in a run and loaded again."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch

from cpv_hooks.ranks.rank_place import process_group

MODEL, REST, OF_RANK = "model.pt", "training.pt", "training-{}.pt"


class Stateful(Protocol):
    """An optimizer, a scheduler, a gradient scaler, a loader of data that knows where it is."""

    def state_dict(self) -> Any: ...

    def load_state_dict(self, state: Any, /) -> object: ...


class TrainingState:
    """A model, what else has a `state_dict`, and the random number generators: saved and loaded as one.

        state = TrainingState(model, optimizer=optimizer, scheduler=scheduler)
        with CheckpointRun(every=500, keep_last=2) as run:
            start = run.resume(state.load)
            for step in range(start.step + 1 if start else 0, steps):
                ...
                run.step(step, {"loss": loss}, save=state.save)

    The weights alone are `model.pt`; the rest is `training.pt`. Both are read with `weights_only=True`. With
    `DistributedDataParallel` and `CheckpointRun(sharded=True)` each rank has its own random numbers again.
    """

    def __init__(self, model: torch.nn.Module, **others: Stateful) -> None:
        self._model = model.module if isinstance(model, torch.nn.parallel.DistributedDataParallel) else model
        self._others = others

    def save(self, folder: Path) -> None:
        """Write the state into a folder; for `run.step(…, save=state.save)`."""
        if _rank():
            torch.save({"random": _random_states()}, folder / OF_RANK.format(_rank()))
            return
        torch.save(self._model.state_dict(), folder / MODEL)
        states = {name: other.state_dict() for name, other in self._others.items()}
        torch.save({"states": states, "random": _random_states()}, folder / REST)

    def load(self, folder: Path) -> None:
        """Read it from there; for `run.resume(state.load)`."""
        self._model.load_state_dict(_read(folder / MODEL))
        rest = _read(folder / REST)
        for name, other in self._others.items():
            other.load_state_dict(rest["states"][name])
        own = folder / OF_RANK.format(_rank())
        if _rank() == 0 or own.exists():
            _set_random_states((_read(own) if _rank() else rest)["random"])


def _rank() -> int:
    group = process_group()
    return group.get_rank() if group is not None else 0


def _read(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


def _random_states() -> dict[str, Any]:
    states: dict[str, Any] = {"python": random.getstate(), "torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state_all()
    if "numpy" in sys.modules:
        name, key, *rest = sys.modules["numpy"].random.get_state()
        # A NumPy array is not among what `weights_only` reads.
        states["numpy"] = [name, torch.from_numpy(key.astype("int64")), *rest]
    return states


def _set_random_states(states: Mapping[str, Any]) -> None:
    random.setstate(states["python"])
    torch.set_rng_state(states["torch"])
    if "cuda" in states and len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])
    if "numpy" in states:
        import numpy

        name, key, *rest = states["numpy"]
        numpy.random.set_state((name, key.numpy().astype("uint32"), *rest))
