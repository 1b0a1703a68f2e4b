"""Writes `tests/metrics/`: the metrics of short trainings, each by the tool whose format it is. By hand, where
there are:

    pip install torch tensorboard tensorboardX dvclive mlflow-skinny keras transformers lightning
    python tests/support/write_metrics.py tests/metrics

The series are tested with what is committed, so that the suite needs none of them. `tests/metrics/README.md` says which
versions wrote it.
"""

from __future__ import annotations

import os
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"
ACC = [0.5, 0.75, 0.625]
LOSS = [2.0, 1.0, 0.5]
TOOLS = ("dvclive", "mlflow-skinny", "tensorboard", "torch", "tensorboardX", "keras", "lightning", "transformers")


def dvclive_folder(folder: Path) -> None:
    from dvclive import Live

    with Live(str(folder / "dvclive"), dvcyaml=None, save_dvc_exp=False, report=None) as live:
        for acc, loss in zip(ACC, LOSS, strict=True):
            live.log_metric("train/acc", acc)
            live.log_metric("loss", loss, timestamp=True)
            live.next_step()


def mlflow_folder(folder: Path) -> None:
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    import mlflow

    mlflow.set_tracking_uri((folder / "mlruns").as_uri())
    with mlflow.start_run(run_name="first"):
        for step, (acc, loss) in enumerate(zip(ACC, LOSS, strict=True)):
            mlflow.log_metrics({"train/acc": acc, "loss": loss}, step=step)


def event_files(folder: Path) -> None:
    import numpy
    from tensorboard.summary import Writer
    from tensorboardX import SummaryWriter as WriterX
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder / "torch")) as torch_writer:
        for step, (acc, loss) in enumerate(zip(ACC, LOSS, strict=True)):
            torch_writer.add_scalar("train/acc", acc, step)
            torch_writer.add_scalar("loss", loss, step, new_style=True)
        torch_writer.add_histogram("weights", numpy.arange(9.0), 0)
        torch_writer.add_text("note", "hello", 0)
        torch_writer.add_image("picture", numpy.zeros((3, 4, 4)), 0)
    # TensorFlow 2, and JAX' clu: scalars are tensors.
    tensors = Writer(str(folder / "tensors"))
    for step, (acc, loss) in enumerate(zip(ACC, LOSS, strict=True)):
        tensors.add_scalar("train/acc", acc, step)
        tensors.add_scalar("loss", loss, step)
    tensors.close()
    with WriterX(str(folder / "tensorboardX")) as x:
        for step, (acc, loss) in enumerate(zip(ACC, LOSS, strict=True)):
            x.add_scalar("train/acc", acc, step)
            x.add_scalar("loss", loss, step)


def keras_log(folder: Path) -> None:
    import keras
    import numpy

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse", metrics=["mae"])
    log = keras.callbacks.CSVLogger(str(folder / "keras.csv"))
    numbers = numpy.ones((8, 2), "float32")
    model.fit(numbers, numbers[:, :1], epochs=3, validation_split=0.5, verbose=0, callbacks=[log])


def lightning_log(folder: Path) -> None:
    from lightning.pytorch.loggers import CSVLogger

    logger: Any = CSVLogger(str(folder), name="lightning", version=0)
    for step, (acc, loss) in enumerate(zip(ACC, LOSS, strict=True)):
        logger.log_metrics({"train_loss": loss, "epoch": step}, step=10 * step + 9)
        logger.log_metrics({"val_acc": acc, "epoch": step}, step=10 * step + 9)
    logger.save()


def trainer_state(folder: Path) -> None:
    from transformers.trainer_callback import TrainerState

    history = [{"epoch": step + 1.0, "loss": loss, "step": 10 * step + 10} for step, loss in enumerate(LOSS)]
    history += [{"epoch": step + 1.0, "eval_acc": acc, "step": 10 * step + 10} for step, acc in enumerate(ACC)]
    history.sort(key=lambda row: row["step"])
    state: Any = TrainerState(epoch=3.0, global_step=30, max_steps=30, best_metric=0.75, log_history=history)
    state.save_to_json(str(folder / "trainer_state.json"))


def main(folder: Path) -> None:
    # Elsewhere, because DVCLive makes a DVC repository of the Git repository that it is started in, and MLflow writes
    # down where it was started.
    target = folder.resolve()
    with TemporaryDirectory() as place:
        os.chdir(place)
        for write in (dvclive_folder, mlflow_folder, event_files, keras_log, lightning_log, trainer_state):
            write(Path(place))
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(place, target, ignore=shutil.ignore_patterns("tags", "params", "meta.yaml", "artifacts", ".*"))
        os.chdir("/")
    lines = "\n".join(f"- {tool} {version(tool)}" for tool in TOOLS)
    text = f"Written by `tests/support/write_metrics.py`, with\n\n{lines}\n"
    (target / "README.md").write_text(f"# Metrics of short trainings\n\n{text}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
