"""By which metric versions are ranked, and metrics that no version has."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from cpv_hooks.console.output import few
from cpv_hooks.errors import CPVError
from cpv_hooks.metric_formats.log_lines import Metric
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.config import Goals

_SHOWN = 8
_FIX_MAIN = 'dvc cpv log --best NAME, or main = "NAME" under [metrics] in .cpv.toml'


class Best(NamedTuple):
    """The metric by which versions are ranked, and whether less of it is better."""

    metric: str
    least: bool

    @classmethod
    def parse(cls, text: str, goals: Goals) -> Best:
        """`acc`, or `-loss` for the lowest; without a minus the goals say which is better, else it is the highest.

        An empty text is the main metric.
        """
        if not text and goals.main is None:
            raise CPVError("--best needs a metric, because none is the main one", fix=_FIX_MAIN)
        name = text.removeprefix("-") or goals.main
        if name is None or text == "-":
            raise CPVError(f"{text!r} is not a metric", fix="--best acc, or --best -loss where less is better")
        return cls(name, text.startswith("-") or goals.of(name) == "min")

    def rank(self, metrics: Mapping[str, Metric]) -> float | None:
        """What is lower, the better a version is; None where the metric is no number."""
        value = metrics.get(self.metric)
        if isinstance(value, str) or value is None or value != value:
            return None
        return value if self.least else -value


def refuse_unknown(asked: Iterable[str], known: Iterable[str]) -> None:
    """`CPVError` for a metric that no version has."""
    names = sorted(set(known))
    for name in asked:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            known_ones = f"known: {few(names, _SHOWN)}" if names else "none has any metrics"
            there = f"did you mean {near[0]}?" if near else known_ones
            raise CPVError(f"no version has a metric {name!r} ({there})", fix="dvc cpv log")
