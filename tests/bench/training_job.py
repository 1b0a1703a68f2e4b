"""A training that saves a checkpoint at every step, in one of several ways.

    python training_job.py WAY BYTES STEPS OUT BUCKET
    python training_job.py run BYTES STEPS KEPT

`OUT` gets the seconds that each save took of the loop, and those that each step's own work took. The work is the same
for everybody: as much hashing as a second has room for on a machine with nothing else to do.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_HASHED = 600 << 20
_BLOCK = bytes(1 << 20)


class State:
    """The weights: other bytes at every step."""

    def __init__(self, size: int) -> None:
        self._bytes = bytearray(os.urandom(min(size, 1 << 20)) * -(-size // (1 << 20)))[:size]
        self._tensor: Any = None
        if find_spec("torch"):
            torch: Any = import_module("torch")
            self._tensor = torch.frombuffer(self._bytes, dtype=torch.uint8)

    def train(self) -> None:
        """Change every part of it, and be busy for a while."""
        for start in range(0, len(self._bytes), 1 << 20):
            self._bytes[start : start + 16] = os.urandom(16)[: len(self._bytes) - start]
        total = hashlib.sha1(usedforsecurity=False)
        for _ in range(_HASHED >> 20):
            total.update(_BLOCK)

    @property
    def weights(self) -> dict[str, Any]:
        """What is saved."""
        return {"weights": self._tensor}

    def save(self, path: Path) -> None:
        """As the framework does it."""
        if self._tensor is not None:
            torch: Any = import_module("torch")
            torch.save(self.weights, path)
        else:
            path.write_bytes(self._bytes)


def measured(state: State, steps: int, out: Path, save: Callable[[int], object]) -> None:
    """Train, save, and write down what took how long."""
    saves, work = list[float](), list[float]()
    for step in range(steps):
        began = time.perf_counter()
        state.train()
        trained = time.perf_counter()
        save(step)
        saves.append(time.perf_counter() - trained)
        work.append(trained - began)
    out.write_text(json.dumps({"saves": saves, "work": work}))


def main(way: str, size: int, steps: int, out: str, bucket: str = "") -> None:
    """Train in the current folder."""
    state, model = State(size), Path("model.bin")
    if way == "run":
        from dvc_cpv_plugin import CheckpointRun

        with CheckpointRun(every=1, keep_last=int(out)) as run:
            for step in range(steps):
                Path("weights").write_bytes(os.urandom(size))
                run.step(step, save=lambda folder: os.replace("weights", folder / "model.bin"))
                run.flush()
        return
    if way == "cpv":
        from dvc_cpv_plugin import CheckpointRun

        with CheckpointRun(every=1, keep_last=2) as run:
            measured(
                state, steps, Path(out), lambda step: run.step(step, save=lambda folder: state.save(folder / model))
            )
        return

    def replace() -> None:
        state.save(Path("model.bin.tmp"))
        os.replace("model.bin.tmp", model)

    def keep(step: int) -> None:
        # As a run that keeps two: each is written into memory that no older one has just given back.
        state.save(Path(f"model-{step}.bin"))
        Path(f"model-{step - 2}.bin").unlink(missing_ok=True)

    def commit(step: int) -> None:
        replace()
        subprocess.run(["git", "commit", "-qm", f"step {step}"], check=True)

    def upload(step: int) -> None:
        import boto3

        replace()
        boto3.client("s3").upload_file(str(model), bucket, f"checkpoints/{step}/model.bin")

    def log(step: int) -> None:
        live_of: Any = import_module("dvclive").Live
        replace()
        with live_of(save_dvc_exp=False, resume=True) as live:
            live.log_artifact(model, type="model")

    def save_there(step: int) -> None:
        io_of: Any = import_module("lightning.fabric.plugins.io.torch_io").TorchCheckpointIO
        io_of().save_checkpoint(state.weights, f"s3://{bucket}/lightning/{step}/model.bin")

    ways: dict[str, Callable[[int], object]] = {
        "save": lambda step: replace(),
        "keep": keep,
        "commit": commit,
        "boto3": upload,
        "dvclive": log,
        "lightning": save_there,
    }
    measured(state, steps, Path(out), ways[way])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
