"""The framework rotates its own checkpoints away, and the run still has them; and what is peculiar to each of them."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MakeRepo

from frameworks.trainings import Framework, Training

Get = Callable[[str], Framework]
TRANSFORMERS = """
import sys
from dvc_cpv_plugin import CheckpointRun
from dvc_cpv_plugin.integrations.transformers import CPVCallback
from task import model, train, valid
from transformers import Trainer, TrainerCallback, TrainingArguments

args = TrainingArguments("out", max_steps=60, save_steps=10, eval_strategy="steps", eval_steps=10, learning_rate=0.05,
    save_total_limit=1, load_best_model_at_end=True, report_to="none", disable_tqdm=True, per_device_train_batch_size=1)
class Wait(TrainerCallback):
    def on_save(self, *args, **rest):
        run.flush()
with CheckpointRun(metric="eval_loss") as run:
    callback = CPVCallback(run)
    trainer = Trainer(model, args, train_dataset=train, eval_dataset=valid, callbacks=[callback, Wait()])
    trainer.train(resume_from_checkpoint=callback.last_checkpoint(args.output_dir))
    print("best", trainer.state.best_model_checkpoint, file=sys.stderr)
"""
LIGHTNING = """
import lightning as L
import os, signal
from dvc_cpv_plugin import CheckpointRun
from dvc_cpv_plugin.integrations.lightning import CPVCheckpoint
from lightning.pytorch.callbacks import ModelCheckpoint
from task import Model, train, valid

class Stopped(Model):
    def validation_step(self, batch, index):
        if os.environ["STOP"] == "validation" and self.global_step == 120 and index == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        super().validation_step(batch, index)
class Wait(CPVCheckpoint):
    def _step(self, *args, **rest):
        super()._step(*args, **rest)
        run.flush()
with CheckpointRun(every=1, metric="val_loss") as run:
    checkpoint = Wait(run)
    local = ModelCheckpoint("checkpoints", monitor="val_loss", save_top_k=1, save_last="link")
    trainer = L.Trainer(max_epochs=6, callbacks=[checkpoint, local], enable_progress_bar=False)
    trainer.fit(Stopped(), train, valid, ckpt_path=checkpoint.ckpt_path())
"""
ACCELERATE = """
import torch
from accelerate import Accelerator
from accelerate.utils import ProjectConfiguration
from dvc_cpv_plugin import CheckpointRun
from dvc_cpv_plugin.integrations.accelerate import AcceleratorState
from task import loss_of, model

named = ProjectConfiguration("out", automatic_checkpoint_naming=True, total_limit=1)
accelerator = Accelerator(project_config=named)
model, optimizer = accelerator.prepare(model, torch.optim.AdamW(model.parameters()))
state = AcceleratorState(accelerator)
with CheckpointRun(every=5) as run:
    start = run.resume(state.load)
    for step in range(start.step + 1 if start else 0, 21):
        accelerator.backward(loss_of(model, step))
        optimizer.step()
        run.step(step, {}, save=state.save)
        run.flush()
"""
KERAS = """
from dvc_cpv_plugin import CheckpointRun
from dvc_cpv_plugin.integrations.keras import CPVBackupAndRestore
from task import model, x, y

with CheckpointRun() as run:
    backup = CPVBackupAndRestore(run, save_freq=4, save_weights_only=True)
    start = backup.restore(model)
    class Wait(type(backup).__base__):
        def on_train_batch_end(self, *args, **rest):
            run.flush()
    model.fit(x, y, epochs=4, shuffle=False, verbose=0, initial_epoch=start, callbacks=[backup, Wait()])
"""


def files_of(training: Training, run: str, step: int) -> dict[str, bytes]:
    """What a step's artifact `checkpoint` has, by Git and DVC alone."""
    training.git("checkout", "-q", "--detach", f"refs/cpv/runs/{run}/{step}")
    training.dvc("checkout", "-q", "checkpoint.dvc")
    found = {path.name: path.read_bytes() for path in (training.path / "checkpoint").iterdir()}
    training.git("checkout", "-q", "main")
    return found


@pytest.fixture
def start(framework_of: Get, make_repo: MakeRepo) -> Callable[[str, str], tuple[Training, Framework]]:
    def make(name: str, script: str) -> tuple[Training, Framework]:
        framework = framework_of(name)
        return Training(make_repo(files={"model.bin": "first"}).path).prepare(framework, script), framework

    return make


Start = Callable[[str, str], tuple[Training, Framework]]


@pytest.mark.xdist_group("transformers")
def test_transformers_keeps_one_and_the_best_and_the_run_all(start: Start) -> None:
    training, framework = start("transformers", TRANSFORMERS)
    training.train(framework, 128 + signal.SIGTERM, "SIGTERM 45")
    assert training.steps() == [10, 20, 30, 40, 45]
    metrics = {step["step"]: step["metrics"]["eval_loss"] for step in training.runs("show", "main")["steps"][:-1]}
    best = min(metrics, key=metrics.__getitem__)
    assert best != 40, "the last one is not to be the best here"
    left = {path.name for path in (training.path / "out").iterdir()}
    assert left == {f"checkpoint-{best}", "checkpoint-45"}
    assert '"global_step": 20' in files_of(training, "main", 20)["trainer_state.json"].decode()

    # Another machine has neither the newest nor the best one; here the newest is half-written besides.
    shutil.rmtree(training.path / "out" / f"checkpoint-{best}")
    training.write("out/checkpoint-45/model.safetensors", "half")
    errors = training.train(framework)
    assert "checkpoint-45 is not what the run saved; it is replaced-checkpoint-45-" in errors
    assert f"best out/checkpoint-{best}\n" in errors
    assert training.steps() == [10, 20, 30, 40, 45, 50, 60]


@pytest.mark.xdist_group("lightning")
def test_lightning_keeps_the_best_and_a_link_and_the_run_all(start: Start) -> None:
    training, framework = start("lightning", LIGHTNING)
    # In a validation Lightning would end with 0.
    training.train(framework, 128 + signal.SIGTERM, "validation")
    assert training.steps() == [40, 80, 120]
    errors = training.train(framework)
    assert "resuming from step 120" in errors
    assert training.steps() == [40, 80, 120, 160, 200, 240]
    steps = training.runs("show", "main")["steps"]
    assert all("loss" in step["metrics"] for step in steps)
    assert [step["step"] for step in steps if "val_loss" in step["metrics"]] == [40, 80, 160, 200, 240]
    local = sorted((training.path / "checkpoints").iterdir())
    assert [path.name for path in local if path.is_symlink()] == ["last.ckpt"]
    assert len(local) < 4
    training.cpv("verify", "--all")


@pytest.mark.xdist_group("accelerate")
def test_accelerate_keeps_one_and_the_run_all(start: Start) -> None:
    training, framework = start("accelerate", ACCELERATE)
    training.train(framework, -signal.SIGKILL, "SIGKILL 14")
    assert training.steps() == [5, 10]
    assert [path.name for path in (training.path / "out/checkpoints").iterdir()] == ["checkpoint_1"]
    training.train(framework)
    assert training.steps() == [5, 10, 15, 20]
    assert [path.name for path in (training.path / "out/checkpoints").iterdir()] == ["checkpoint_3"]
    assert "model.safetensors" in files_of(training, "main", 5)


@pytest.mark.xdist_group("keras")
def test_keras_goes_through_an_epoch_again_that_was_interrupted(start: Start) -> None:
    training, framework = start("keras", KERAS)
    training.train(framework, 128 + signal.SIGTERM, "SIGTERM 16")
    assert training.steps() == [4, 8, 10, 14, 15]
    metrics = {step["step"]: step["metrics"]["epoch"] for step in training.runs("show", "main")["steps"]}
    assert metrics == {4: 0, 8: 0, 10: 1, 14: 1, 15: 1}
    training.train(framework)
    assert training.steps()[-1] == 45
    assert training.git("show", "refs/cpv/runs/main/45:model.bin.dvc").out


@pytest.mark.xdist_group("keras")
def test_keras_save_freq(start: Start) -> None:
    training, framework = start("keras", KERAS.replace("save_freq=4", "save_freq=0"))
    assert "save_freq is 'epoch' or a number of batches, not 0" in training.train(framework, 1)


@pytest.mark.xdist_group("torch")
def test_torch_files_are_read_as_weights_only(start: Start, tmp_path: Path) -> None:
    script = """
import torch
from pathlib import Path
from dvc_cpv_plugin.integrations.torch import TrainingState
from task import model
state = TrainingState(model, optimizer=torch.optim.SGD(model.parameters()))
state.save(Path("."))
first = torch.randn(3)
assert sorted(torch.load("training.pt", weights_only=True)) == ["random", "states"]
state.load(Path("."))
assert torch.equal(torch.randn(3), first)
"""
    training, framework = start("torch", script)
    training.train(framework)
