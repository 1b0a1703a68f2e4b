"""What is asked of metrics: `acc>0.9`, several joined by `and`."""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Iterable, Mapping

from cpv_hooks.console.output import few
from cpv_hooks.errors import CPVError
from cpv_hooks.metric_formats.log_lines import Metric
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.config import Goals

_CONDITION = re.compile(r"\s*([^<>=!]+?)\s*(<=|>=|==|!=|=|<|>)\s*([^\s<>=!]+)\s*")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq, "==": operator.eq,
    "!=": operator.ne,
}  # fmt: skip
_SHOWN = 8
_FIX_MAIN = 'dvc cpv log --best NAME, or main = "NAME" under [metrics] in .cpv.toml'


class Condition(NamedTuple):
    """A metric, a comparison, a value: a number, or a text that can only be equal or not."""

    metric: str
    sign: str
    value: float | str

    def holds(self, metrics: Mapping[str, Metric]) -> bool:
        """Whether a version's metrics meet it; one that lacks the metric does not."""
        found = metrics.get(self.metric)
        if found is None:
            return False
        if isinstance(found, str) or isinstance(self.value, str):
            return (str(found) == str(self.value)) is (self.sign != "!=") and self.sign in ("=", "==", "!=")
        return _COMPARE[self.sign](found, self.value)


def parse_conditions(text: str) -> list[Condition]:
    """The conditions in a text; `CPVError` for what is none."""
    return [_one(part) for part in re.split(r"\s+and\s+", text.strip())]


def _one(text: str) -> Condition:
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise CPVError(f"{text!r} is not a condition", fix="write it as --metric 'acc>0.9'")
    metric, sign, value = found.groups()
    if _NUMBER.fullmatch(value):
        return Condition(metric, sign, float(value))
    if sign not in ("=", "==", "!="):
        raise CPVError(f"{value!r} is not a number, so {metric} cannot be {sign} it", fix=f"--metric '{metric}=TEXT'")
    return Condition(metric, sign, value)


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
