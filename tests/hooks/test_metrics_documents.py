"""Metrics as trainers write them: documents, tables, marks in front of the text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cpv_hooks.metric_formats.limits import MAX_METRICS
from cpv_hooks.metric_formats.log_lines import TAIL_BYTES
from cpv_hooks.metric_formats.metrics import last_metrics

DVCLIVE = """{
    "train": {
        "acc": 0.9,
        "loss": {"class": 0.25}
    },
    "epoch": 3,
    "step": 10
}
"""
NESTED = {"train.acc": 0.9, "train.loss.class": 0.25, "epoch": 3, "step": 10}
TRAINER = {
    "best_metric": 0.42,
    "best_model_checkpoint": "out/checkpoint-20",
    "epoch": 2.0,
    "global_step": 40,
    "max_steps": 40,
    "is_world_process_zero": True,
    "log_history": [
        {"epoch": 1.0, "loss": 0.7, "learning_rate": 1e-05, "step": 20},
        {"epoch": 1.0, "eval_loss": 0.42, "step": 20},
        {"epoch": 2.0, "loss": 0.6, "learning_rate": 0.0, "step": 40},
        {"epoch": 2.0, "eval_loss": 0.5, "step": 40},
    ],
}
TRAINED = {
    "epoch": 2.0, "global_step": 40, "best_metric": 0.42,
    "loss": 0.6, "learning_rate": 0.0, "eval_loss": 0.5, "step": 40,
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "metrics"),
    [
        ("metrics.json", DVCLIVE, NESTED),
        ("metrics.log", DVCLIVE, NESTED),
        ("metrics.json", "\ufeff" + DVCLIVE, NESTED),
        ("metrics.log", "\ufeff" + '{"loss": 1}\n{"loss": 0.5}\n', {"loss": 0.5}),
        ("metrics.log", "\ufeffloss=0.5\n", {"loss": 0.5}),
        ("metrics.log", '{"a": {"b": 1}}\n{"a": {"b": 2, "c": {"d": 3}}}\n', {"a.b": 2, "a.c.d": 3}),
        ("metrics.json", '[{"epoch": 1, "loss": 1}, {"epoch": 2, "acc": 0.5}]', {"loss": 1, "epoch": 2, "acc": 0.5}),
        ("trainer_state.json", json.dumps(TRAINER, indent=2), TRAINED),
        ("anything", json.dumps(TRAINER), TRAINED),
        ("metrics.yaml", "train:\n  acc: 0.9\nloss: 1\n", {"loss": 1, "train.acc": 0.9}),
        ("metrics.toml", "loss = 1\n[train]\nacc = 0.9\n", {"loss": 1, "train.acc": 0.9}),
        # Keras' CSVLogger, which its documentation calls training.log.
        ("training.log", "epoch,accuracy,loss\n0,0.5,1.0\n1,0.75,0.5\n", {"epoch": 1, "accuracy": 0.75, "loss": 0.5}),
        ("history.csv", "loss\n1.0\n0.5\n", {"loss": 0.5}),
        ("m.csv", "epoch;loss\n1;0.5\n", {"epoch": 1, "loss": 0.5}),
        ("m.tsv", "step\tloss\r\n1\t0.5\r\n", {"step": 1, "loss": 0.5}),
        ("m.csv", "\ufeffepoch,val loss\n1,0.5\n", {"epoch": 1, "val loss": 0.5}),
        ("m.csv", ",epoch,name,empty\n0,1,resnet,\n", {"epoch": 1, "name": "resnet"}),
        # Lightning writes what was trained and what was validated in rows of their own.
        (
            "metrics.csv",
            "epoch,step,train_loss,val_loss\n0,9,1.0,\n0,9,,0.8\n1,19,0.5,\n1,19,,0.4\n",
            {"train_loss": 0.5, "epoch": 1, "step": 19, "val_loss": 0.4},
        ),
        ("metrics.log", "started, waiting\ndone, really\n", {}),
        ("metrics.log", "loading a, then b\nloss=0.5, acc=1\n", {"loss": 0.5, "acc": 1}),
        ("metrics.json", '{"loss": 0.5,', {}),
        ("metrics.json", "5", {}),
        ("metrics.yaml", "a: [1", {}),
    ],
)
def test_read(tmp_path: Path, name: str, text: str, metrics: dict[str, object]) -> None:
    path = tmp_path / "0cc175b9"
    path.write_bytes(text.encode())
    assert last_metrics(path, name) == metrics


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_what_powershell_writes(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "metrics.log"
    path.write_bytes(("\ufeff" + "loss=0.25\r\n" * 10_000 + '{"loss": 0.5}\r\n').encode(encoding))
    assert last_metrics(path) == {"loss": 0.5}


def test_a_large_table_is_read_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,loss\n" + "".join(f"{n},{n / 2}\n" for n in range(TAIL_BYTES)))
    assert last_metrics(path) == {"step": TAIL_BYTES - 1, "loss": (TAIL_BYTES - 1) / 2}


def test_a_document_of_many_is_limited(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps({"a": {f"m{n}": n for n in range(200)}}, indent=1))
    assert len(last_metrics(path)) == MAX_METRICS
