"""Write an offline run of W&B with two versions of a model: `python write_wandb.py` in an empty folder.

`tests/wandb` has what wandb 0.31.0 wrote in /srv/wandb, with `WANDB_DATA_DIR=/srv/wandb/data`.
"""

from __future__ import annotations

import os
from pathlib import Path

os.environ["WANDB_MODE"] = "offline"
import wandb  # type: ignore[import-not-found]  # in an environment of its own


def main() -> None:
    settings = wandb.Settings(x_disable_meta=True, x_disable_stats=True, console="off", host="host")
    run = wandb.init(project="flowers", id="first", config={"lr": 0.1}, settings=settings)
    folder = Path("checkpoint/sub")
    folder.mkdir(parents=True)
    for step in (1, 2):
        run.log({"loss": 1 / step})
        (folder / "model.pt").write_text(f"weights {step}")
        (folder.parent / "config.json").write_text("{}\n")
        artifact = wandb.Artifact("resnet", type="model", metadata={"step": step, "acc": 0.25 * step, "note": "a b"})
        artifact.add_dir("checkpoint")
        run.log_artifact(artifact, aliases=["latest", f"step-{step}"])
    run.finish()


if __name__ == "__main__":
    main()
