"""What the name of a file says about the metrics in it: the format, the run that it is part of, the metric."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from cpv_hooks.named_tuple import NamedTuple

Format = Literal["log", "state", "dvclive", "mlflow", "events"]

STATE = "trainer_state.json"
_LOG = r"(metrics[^/]*\.(json|jsonl|csv|tsv|ya?ml|toml|log|txt)|[a-z]+_results\.json|training\.(csv|log))"
# https://doc.dvc.org/dvclive: DVCLIVE/metrics.json and DVCLIVE/plots/metrics/NAME.tsv
_DVCLIVE = r"(?:(.*)/)?plots/(?:metrics|scalars)/(.+)\.tsv"
# https://mlflow.org/docs/latest/tracking: mlruns/EXPERIMENT/RUN/metrics/NAME
_MLFLOW = r"((?:.*/)?[0-9a-f]{32})/metrics/(.+)"
_EVENTS = r"(?:(.*)/)?[^/]*\.tfevents\.[^/]*"

_STEP = r"-(\d+)(?=/)"
_AT_MOST = {"log": 10, "events": 10, "mlflow": 50, "dvclive": 50}
"""Files of a folder that a commit reads. A person who asks for all steps waits for more."""
_AT_MOST_WITH_STEPS = 1000


class MetricPlace(NamedTuple):
    """`source` is the file, or the folder of the run whose metrics are spread over several files."""

    format: Format
    source: str
    metric: str = ""


def place_of(name: str) -> MetricPlace | None:
    """What a file in a folder of metrics is by its name; None where it says nothing of metrics."""
    if found := re.fullmatch(_DVCLIVE, name):
        return MetricPlace("dvclive", found[1] or ".", found[2].replace("/", "."))
    if found := re.fullmatch(_MLFLOW, name):
        return MetricPlace("mlflow", found[1], found[2])
    if found := re.fullmatch(_EVENTS, name):
        return MetricPlace("events", found[1] or ".")
    last = name.rpartition("/")[2]
    if last == STATE:
        return MetricPlace("state", name)
    return MetricPlace("log", name) if re.fullmatch(_LOG, last) else None


def source_of(name: str) -> str:
    """The file, or the folder of the run that it is part of."""
    place = place_of(name)
    return place.source if place else name


def chosen(names: Iterable[str], *, is_log: bool, all_steps: bool) -> list[str]:
    """The files of a folder whose metrics are read: a trainer's state, and with `is_log` all that a name tells of.

    With `all_steps` those too in which a metric is step by step, where another has the last value.
    """
    found: dict[Format, list[str]] = {}
    for name in names:
        place = place_of(name)
        if place and (is_log or place.format == "state"):
            found.setdefault(place.format, []).append(name)
    # Of a trainer's checkpoints the last one counts: its state has the whole history.
    states = sorted(found.pop("state", []), key=_age)[-1:]
    if not all_steps and any(_is_summary(name, found.get("dvclive", [])) for name in found.get("log", [])):
        del found["dvclive"]
    chosen = [name for kind, files in found.items() for name in _some(kind, files, all_steps=all_steps)]
    return [*chosen, *states]


def _some(kind: Format, files: list[str], *, all_steps: bool) -> list[str]:
    if all_steps:
        return files[:_AT_MOST_WITH_STEPS]
    # Event files have the time in their names.
    return files[: _AT_MOST[kind]] if kind == "log" else files[-_AT_MOST[kind] :]


def _age(name: str) -> tuple[bool, int]:
    steps = re.findall(_STEP, name)
    return "/" not in name, int(steps[-1][:18]) if steps else -1


def _is_summary(name: str, lives: Iterable[str]) -> bool:
    """Whether it has the last values of a DVCLive folder, whose other files have them step by step."""
    folder, _, last = name.rpartition("/")
    start = f"{folder}/plots/" if folder else "plots/"
    return last == "metrics.json" and any(live.startswith(start) for live in lives)
