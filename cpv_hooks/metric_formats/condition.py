"""What is asked of metrics: `acc>0.9`, several joined by `and`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping

from cpv_hooks.errors import CPVError
from cpv_hooks.metric_formats.log_lines import Metric
from cpv_hooks.named_tuple import NamedTuple

_CONDITION = re.compile(r"\s*([^<>=!]+?)\s*(<=|>=|==|!=|=|<|>)\s*([^\s<>=!]+)\s*")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq, "==": operator.eq,
    "!=": operator.ne,
}  # fmt: skip


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
