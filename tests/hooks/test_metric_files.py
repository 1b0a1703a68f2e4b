"""Metrics files that the real tools wrote (`tests/metrics/README.md` says which versions)."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest

from cpv_hooks.metric_formats import event_file
from cpv_hooks.metric_formats.metric_places import chosen, place_of
from cpv_hooks.metric_formats.metrics import last_metrics
from cpv_hooks.metric_formats.read_series import read_series
from cpv_hooks.metric_formats.series import Collector, merge_series

FILES = Path(__file__).parents[1] / "metrics"
ACC, LOSS = [0.5, 0.75, 0.625], [2.0, 1.0, 0.5]
Points = dict[str, tuple[str, list[int], list[float]]]


def points(path: Path, name: str = "") -> Points:
    return {one.name: (one.axis, list(one.steps), list(one.values)) for one in read_series(path, name)}


def found(pattern: str) -> tuple[Path, str]:
    (path,) = FILES.glob(pattern)
    return path, str(path.relative_to(FILES))


@pytest.mark.parametrize("writer", ["torch", "tensors", "tensorboardX"])
def test_event_files(writer: str) -> None:
    """Simple values, tensors; a histogram, a text and an image beside them."""
    path, name = found(f"{writer}/events*")
    whole = {"train/acc": ("step", [0, 1, 2], ACC), "loss": ("step", [0, 1, 2], LOSS)}
    assert points(path, name) == whole
    assert last_metrics(path, name) == {"train/acc": 0.625, "loss": 0.5}
    place = place_of(name)
    assert place is not None
    assert place.source == writer


def test_dvclive() -> None:
    assert points(*found("dvclive/plots/metrics/loss.tsv")) == {"loss": ("step", [0, 1, 2], LOSS)}
    assert points(*found("dvclive/plots/metrics/train/acc.tsv")) == {"train.acc": ("step", [0, 1, 2], ACC)}
    assert last_metrics(*found("dvclive/metrics.json")) == {"loss": 0.5, "step": 2, "train.acc": 0.625}
    assert last_metrics(*found("dvclive/plots/metrics/train/acc.tsv")) == {"train.acc": 0.625}


def test_mlflow() -> None:
    assert points(*found("mlruns/0/*/metrics/loss")) == {"loss": ("step", [0, 1, 2], LOSS)}
    assert points(*found("mlruns/0/*/metrics/train/acc")) == {"train/acc": ("step", [0, 1, 2], ACC)}
    assert last_metrics(*found("mlruns/0/*/metrics/train/acc")) == {"train/acc": 0.625}


def test_tables_and_the_state_of_a_trainer() -> None:
    keras = points(*found("keras.csv"))
    assert set(keras) == {"loss", "mae", "val_loss", "val_mae"}
    assert keras["loss"][:2] == ("epoch", [0, 1, 2])
    lightning = points(*found("lightning/version_0/metrics.csv"))
    assert lightning["train_loss"] == ("step", [9, 19, 29], LOSS)
    assert lightning["val_acc"] == ("step", [9, 19, 29], ACC)
    state = points(*found("trainer_state.json"))
    assert state["loss"] == ("step", [10, 20, 30], LOSS)
    assert state["eval_acc"] == ("step", [10, 20, 30], ACC)


def test_which_files_of_a_folder_are_read() -> None:
    names = [str(path.relative_to(FILES)) for path in sorted(FILES.rglob("*")) if path.is_file()]
    every = {name for name in names if name not in ("README.md", "keras.csv")}
    assert set(chosen(names, is_log=True, all_steps=True)) == every
    at_commit = {name for name in every if not name.startswith("dvclive/plots/")}
    assert set(chosen(names, is_log=True, all_steps=False)) == at_commit
    assert chosen(names, is_log=False, all_steps=False) == ["trainer_state.json"]
    alone = [name for name in names if name.startswith("dvclive/plots/")]
    assert chosen(alone, is_log=True, all_steps=False) == alone
    many = [f"events.out.tfevents.{number}.host" for number in range(20)]
    assert chosen(many, is_log=True, all_steps=False) == many[-10:]


@pytest.mark.parametrize(
    "pattern",
    ["torch/events*", "tensors/events*", "mlruns/0/*/metrics/loss", "dvclive/plots/metrics/loss.tsv", "*state.json"],
)
def test_cut_anywhere_gives_what_is_there(tmp_path: Path, pattern: str) -> None:
    path, name = found(pattern)
    data, whole = path.read_bytes(), points(path, name)
    cut = tmp_path / "cut"
    for hundredth in range(100):
        cut.write_bytes(data[: len(data) * hundredth // 100])
        for metric, (_, steps, values) in points(cut, name).items():
            known = dict(zip(*whole[metric][1:], strict=True)) if metric in whole else {}
            # A text may be cut inside its last number.
            assert all(known[step] == value for step, value in zip(steps[:-1], values[:-1], strict=True))
    cut.write_bytes(bytes(range(256)) * 999)
    assert points(cut, name) == {}


def test_a_commit_looks_into_the_last_events_alone(tmp_path: Path) -> None:
    path, name = found("tensors/events*")
    data = path.read_bytes()
    long = tmp_path / "long"
    long.write_bytes(data * 400)
    assert last_metrics(long, name) == {"train/acc": 0.625, "loss": 0.5}
    assert {len(one.steps) for one in read_series(long, name, last=2)} == {1}


def test_each_byte_of_an_event_file_damaged(tmp_path: Path) -> None:
    path, name = found("tensors/events*")
    data = path.read_bytes()
    broken = tmp_path / "broken"
    for at in range(len(data)):
        broken.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        assert all(len(one.steps) <= 3 for one in read_series(broken, name))


def test_a_record_that_claims_to_be_endless(tmp_path: Path) -> None:
    path, name = found("torch/events*")
    head = struct.pack("<Q", 1 << 62)
    broken = tmp_path / "broken"
    broken.write_bytes(path.read_bytes() + head + struct.pack("<I", event_file._masked_crc(head)))
    assert points(broken, name) == points(path, name)


def test_large_records_are_jumped_over(tmp_path: Path) -> None:
    """An image of a gigabyte between scalars: nothing of it is read."""
    path, name = found("tensors/events*")
    head = struct.pack("<Q", 1 << 30)
    large = tmp_path / "large"
    with large.open("wb") as stream:
        stream.write(path.read_bytes() + head + struct.pack("<I", event_file._masked_crc(head)))
        stream.seek((1 << 30) + 4, 1)
        stream.write(path.read_bytes())
    assert points(large, name) == points(path, name)
    assert last_metrics(large, name) == {}, "a commit does not wait for it"


def test_one_run_in_several_files(tmp_path: Path) -> None:
    """A training that was started again writes another event file, from an earlier step on."""

    def part(steps: list[int], values: list[float], axis: str = "step") -> Collector:
        collector = Collector()
        for step, value in zip(steps, values, strict=True):
            collector.point("loss", axis, step, value)
        return collector

    first, second = part([1, 2, 3], [5, 4, 9]).series("a"), part([3, 4], [3, 2]).series("b")
    whole = merge_series([*first, *second])
    assert (list(whole.steps), list(whole.values), whole.file) == ([1, 2, 3, 4], [5, 4, 3, 2], "b")
    last = part([7], [1.0], "row").series("metrics.json")
    assert merge_series([*last, *second]).file == "b"


def test_event_files_without_scalars(tmp_path: Path) -> None:
    path, _ = found("torch/events*")
    data = path.read_bytes()
    version = data[: 16 + int.from_bytes(data[:8], "little")]
    assert event_file.is_event_file(path)
    empty = tmp_path / "empty"
    empty.write_bytes(version)
    assert event_file.is_event_file(empty)
    empty.write_bytes(b"")
    assert not event_file.is_event_file(empty)
    shutil.copy(FILES / "keras.csv", empty)
    assert not event_file.is_event_file(empty)
