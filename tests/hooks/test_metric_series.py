"""Metrics step by step, from files as the common loggers write them."""

from __future__ import annotations

import json
import math
import tracemalloc
from pathlib import Path

import pytest

from cpv_hooks.metric_formats import read_series as reading
from cpv_hooks.metric_formats.read_series import read_series
from cpv_hooks.metric_formats.series import MetricSeries
from cpv_hooks.project.config import Goals

LIGHTNING = """epoch,step,train_loss,val_loss
0,49,0.9,
0,49,,1.5
1,99,0.5,
1,99,,1.25
"""
KERAS = "epoch,accuracy,loss,val_loss\n0,0.5,2.0,2.5\n1,0.75,1.0,NaN\n"
TRAINER = {
    "best_metric": 0.25,
    "log_history": [
        {"epoch": 0.5, "loss": 2.0, "step": 10},
        {"epoch": 1.0, "loss": 1.0, "step": 20},
        {"epoch": 1.0, "eval_loss": 0.25, "step": 20},
    ],
}
Points = dict[str, tuple[str, list[int], list[float]]]


def points(path: Path, name: str = "") -> Points:
    return {one.name: (one.axis, list(one.steps), list(one.values)) for one in read_series(path, name)}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "metrics.log",
            '{"step": 1, "loss": 1.0, "note": "x"}\n{"step": 2, "loss": 0.5, "acc": 1}\n',
            {"loss": ("step", [1, 2], [1, 0.5]), "acc": ("step", [2], [1])},
        ),
        ("metrics.log", "t=9 epoch=1 loss=1\nrubbish\nepoch=2 loss=.5\n", {
            "t": ("epoch", [1], [9]), "loss": ("epoch", [1, 2], [1, 0.5])
        }),
        ("metrics.log", "loss=1\nloss=2\n", {"loss": ("row", [0, 1], [1, 2])}),
        ("metrics.csv", LIGHTNING, {
            "epoch": ("step", [49, 99], [0, 1]),
            "train_loss": ("step", [49, 99], [0.9, 0.5]),
            "val_loss": ("step", [49, 99], [1.5, 1.25]),
        }),
        ("history.csv", KERAS.replace("NaN", "3"), {
            "accuracy": ("epoch", [0, 1], [0.5, 0.75]),
            "loss": ("epoch", [0, 1], [2, 1]),
            "val_loss": ("epoch", [0, 1], [2.5, 3]),
        }),
        ("trainer_state.json", json.dumps(TRAINER), {
            "epoch": ("step", [10, 20], [0.5, 1]),
            "loss": ("step", [10, 20], [2, 1]),
            "eval_loss": ("step", [20], [0.25]),
        }),
        ("metrics.json", '{"train": {"acc": 0.5}, "step": 7}', {"train.acc": ("step", [7], [0.5])}),
        ("metrics.yaml", "train:\n  acc: 0.5\n", {"train.acc": ("row", [0], [0.5])}),
        ("metrics.json", '[{"epoch": 1, "acc": 0.5}, {"epoch": 2, "acc": 1}]', {"acc": ("epoch", [1, 2], [0.5, 1])}),
        ("history.json", '{"loss": [2, 1], "acc": [0, 0.5]}', {
            "loss": ("row", [0, 1], [2, 1]), "acc": ("row", [0, 1], [0, 0.5])
        }),
        ("metrics.log", "step=1 a=1\nepoch=1 a=2\na=3\n", {"a": ("row", [0, 1, 2], [1, 2, 3])}),
        ("metrics.log", "step=1.0 a=1\nstep=x a=2\n", {"a": ("row", [0, 1], [1, 2])}),
        ("metrics.log", f"step={10**30} a=1\nb={'9' * 400}\n", {"a": ("row", [0], [1]), "b": ("row", [0], [math.inf])}),
        ("metrics.log", "", {}),
    ],
)  # fmt: skip
def test_formats(tmp_path: Path, name: str, text: str, expected: Points) -> None:
    path = tmp_path / "0cc175b9"
    path.write_text(text)
    assert {key: value for key, value in points(path, name).items() if key != "step"} == expected


def test_a_training_that_went_on_from_an_earlier_checkpoint(tmp_path: Path) -> None:
    log = tmp_path / "metrics.log"
    log.write_text("".join(f"step={step} loss={loss}\n" for step, loss in [(1, 5), (2, 4), (3, 9), (2, 3), (3, 2)]))
    assert points(log) == {"loss": ("step", [1, 2, 3], [5, 3, 2])}


def test_last_and_best() -> None:
    goals = Goals({"wer": "min", "loss": "max"})
    series = MetricSeries("wer", [1, 2, 3, 4], [0.5, 0.25, 0.25, math.nan], "step", goals.of("wer"))
    assert math.isnan(series.last)
    assert (series.best, series.best_step) == (0.25, 2)
    assert series._replace(goal="max").best == 0.5
    assert series._replace(goal=None).best is None
    assert series._replace(values=[math.nan] * 4).best is None
    assert series.for_json()["values"] == [0.5, 0.25, 0.25, None]
    assert series.for_json()["last"] is None
    assert [goals.of(name) for name in ("loss", "eval_loss", "a.log:loss", "val_acc", "speed")] == [
        "max", "min", "max", "max", None,
    ]  # fmt: skip


def test_a_thinned_series_keeps_ends_and_extremes() -> None:
    values = [float(step % 7) for step in range(10_000)]
    values[1234], values[8765], values[50] = 99.0, -99.0, math.nan
    thin = MetricSeries("a", range(10_000), values).thinned(100)
    assert len(thin.steps) <= 104
    assert (thin.steps[0], thin.steps[-1], max(thin.values), min(thin.values)) == (0, 9999, 99, -99)
    short = MetricSeries("a", [1, 2], [1, 2])
    assert short.thinned(1) == short


def test_a_file_of_a_gigabyte_takes_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", 1 << 20)
    log = tmp_path / "metrics.log"
    with log.open("w") as stream:
        stream.truncate(1 << 30)  # zeros: one line that never ends
        stream.seek(1 << 30)
        stream.write("\nstep=1 loss=0.5\nstep=2 loss=0.25\n")
    tracemalloc.start()
    try:
        assert points(log) == {"loss": ("step", [1, 2], [0.5, 0.25])}
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    with log.open("r+") as stream:
        stream.truncate((1 << 30) - 1)
    assert points(log) == {}


@pytest.mark.parametrize("name", ["metrics.log", "metrics.csv", "metrics.json", "trainer_state.json", "m.yaml"])
def test_what_is_cut_or_is_junk_gives_what_is_there(tmp_path: Path, name: str) -> None:
    whole = {"metrics.csv": LIGHTNING, "trainer_state.json": json.dumps(TRAINER), "m.yaml": "a:\n  b: 1\n"}
    text = whole.get(name, '{"step": 1, "loss": 1.0}\n{"step": 2, "loss": 0.5}\n').encode()
    path = tmp_path / name
    for length in range(len(text)):
        path.write_bytes(text[:length])
        read_series(path)
    path.write_bytes(bytes(range(256)) * 1024)
    assert points(path) == {}


def test_names_are_limited(tmp_path: Path) -> None:
    log = tmp_path / "metrics.log"
    log.write_text("".join(f"m{n}={n}\n" for n in range(1100)) + "x" * 101 + "=1\n" + "m0=5\n")
    found = points(log)
    assert len(found) == 1000
    assert found["m0"] == ("row", [0, 1], [0, 5])
