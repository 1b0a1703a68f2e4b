from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from cpv_hooks.metric_formats.limits import MAX_METRICS
from cpv_hooks.metric_formats.log_lines import TAIL_BYTES
from cpv_hooks.metric_formats.metrics import last_metrics


@pytest.mark.parametrize(
    ("text", "metrics"),
    [
        ("", {}),
        ("\n\n", {}),
        ('{"epoch": 3, "loss": 0.25}\n', {"epoch": 3, "loss": 0.25}),
        ('{"epoch": 1, "loss": 1.0}\n{"epoch": 2, "loss": 0.5}', {"epoch": 2, "loss": 0.5}),
        ("epoch=3 loss=0.25\n", {"epoch": 3, "loss": 0.25}),
        ("loss=1.0\nloss=0.5\nacc=.9\n", {"loss": 0.5, "acc": 0.9}),
        ("2024-05-01 12:00:00 INFO epoch=3, loss=2e-3; lr=-1.5\n", {"epoch": 3, "loss": 0.002, "lr": -1.5}),
        ("run='a b' note=\"x=1\" f1@5=0.5 val/loss=1\n", {"run": "a b", "note": "x=1", "f1@5": 0.5, "val/loss": 1}),
        ('{"a": 1}\nnot a metric\n{"a": 2\n[1, 2]\n', {"a": 1}),
        ('{"a": [1], "b": {"c": 1}, "d": null, "e": true, "f": "text"}', {"f": "text", "b.c": 1}),
        ('{"a": ' + "9" * 400 + "}", {}),
        ("a=" + "9" * 400, {"a": math.inf}),
        ("a=b=c url=http://h/?q=1", {"a": "b=c", "url": "http://h/?q=1"}),
        ("[" * 100_000, {}),
        ('{"a":' * 20_000, {}),
    ],
)
def test_read(tmp_path: Path, text: str, metrics: dict[str, object]) -> None:
    log = tmp_path / "metrics.log"
    log.write_text(text)
    assert last_metrics(log) == metrics


def test_not_a_number_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "metrics.log"
    log.write_text('{"a": NaN}\nb=nan c=-inf\n')
    found = last_metrics(log)
    assert math.isnan(float(found["a"])) and math.isnan(float(found["b"])) and found["c"] == -math.inf


def test_bytes_that_are_not_text_are_passed_over(tmp_path: Path) -> None:
    log = tmp_path / "metrics.log"
    log.write_bytes(b"\xff\x00\xfe\n" + b"loss=0.5\n")
    assert last_metrics(log) == {"loss": 0.5}


def test_only_the_end_of_a_large_log_counts(tmp_path: Path) -> None:
    log = tmp_path / "metrics.log"
    with log.open("w") as stream:
        stream.write("early=1\n")
        stream.truncate(1 << 30)
        stream.seek(1 << 30)
        stream.write("\nloss=0.5\n")
    assert last_metrics(log) == {"loss": 0.5}


def test_a_line_that_the_tail_cuts_is_left_out(tmp_path: Path) -> None:
    log = tmp_path / "metrics.log"
    last = "loss=0.5\n"
    log.write_text("early=1 " + "x" * (TAIL_BYTES - len(last) - 20) + " half=2\n" + last)
    assert last_metrics(log) == {"early": 1, "half": 2, "loss": 0.5}
    log.write_text("early=1 " + "x" * TAIL_BYTES + " half=2\n" + last)
    assert last_metrics(log) == {"loss": 0.5}


def test_a_line_that_starts_where_the_tail_does_is_whole(tmp_path: Path) -> None:
    log = tmp_path / "metrics.log"
    tail = "first=1 " + "x" * (TAIL_BYTES - 9) + "\n"
    assert len(tail) == TAIL_BYTES
    log.write_text("before=1\n" + tail)
    assert last_metrics(log) == {"first": 1}


def test_size_is_limited(tmp_path: Path) -> None:
    log = tmp_path / "metrics.log"
    log.write_text("\n".join(json.dumps({f"m{n}": n, "k" * 101: 1, "text": "x" * 1000}) for n in range(200)))
    found = last_metrics(log)
    assert len(found) == MAX_METRICS
    assert found["m199"] == 199 and len(str(found["text"])) == 200


def test_a_log_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        last_metrics(tmp_path / "metrics.log")
