"""Which steps of a training run are kept: pure functions of the steps and their metrics.

Rules combine: `KeepLast(2) | KeepBest(3, "loss")` keeps what either keeps, with `&` what both do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from cpv_hooks.errors import CPVError
from cpv_hooks.metric_formats.series import Goal
from cpv_hooks.project.config import GOALS
from cpv_hooks.runs.save_rules import positive


class Mark:
    """A step of a run, as a rule sees it."""

    def __init__(self, step: int, metrics: Mapping[str, object]) -> None:
        self.step = step
        self.metrics = metrics


class KeepRule:
    """Which steps of a run are kept."""

    def kept(self, marks: Sequence[Mark]) -> set[int]:
        """The steps to keep of these, the newest of which is the last."""
        raise NotImplementedError

    @property
    def rules(self) -> tuple[KeepRule, ...]:
        """The plain rules that it is made of."""
        return (self,)

    def data(self) -> list[Any]:
        """The rule as JSON can hold it; see `keep_rule`."""
        raise NotImplementedError

    def __or__(self, other: KeepRule) -> KeepRule:
        return _KeepBoth(self, other, every=False)

    def __and__(self, other: KeepRule) -> KeepRule:
        return _KeepBoth(self, other, every=True)


@dataclass(frozen=True)
class _KeepBoth(KeepRule):
    one: KeepRule
    other: KeepRule
    every: bool

    def kept(self, marks: Sequence[Mark]) -> set[int]:
        one, other = self.one.kept(marks), self.other.kept(marks)
        return one & other if self.every else one | other

    @property
    def rules(self) -> tuple[KeepRule, ...]:
        return self.one.rules + self.other.rules

    def data(self) -> list[Any]:
        return ["and" if self.every else "or", self.one.data(), self.other.data()]


@dataclass(frozen=True)
class KeepAll(KeepRule):
    """Every step."""

    def kept(self, marks: Sequence[Mark]) -> set[int]:
        return {mark.step for mark in marks}

    def data(self) -> list[Any]:
        return ["all"]

    def __str__(self) -> str:
        return "all are kept"


@dataclass(frozen=True)
class KeepLast(KeepRule):
    """The newest so many."""

    count: int

    def __post_init__(self) -> None:
        positive("keep_last", self.count)

    def kept(self, marks: Sequence[Mark]) -> set[int]:
        return {mark.step for mark in marks[-self.count :]}

    def data(self) -> list[Any]:
        return ["last", self.count]

    def __str__(self) -> str:
        return f"last {self.count}"


@dataclass(frozen=True)
class KeepBest(KeepRule):
    """The best so many by a metric. Of equal ones the earlier is better; one without a finite number is never best."""

    count: int
    metric: str
    mode: Goal = "min"

    def __post_init__(self) -> None:
        positive("keep_best", self.count)
        if not isinstance(self.metric, str) or not self.metric:
            raise CPVError("keep_best needs the name of a metric", fix='CheckpointRun(keep_best=3, metric="eval_loss")')
        if self.mode not in GOALS:
            raise CPVError(f"mode must be min or max, not {self.mode!r}", fix='CheckpointRun(…, mode="min")')

    def kept(self, marks: Sequence[Mark]) -> set[int]:
        return set(best_first(marks, self.metric, self.mode)[: self.count])

    def data(self) -> list[Any]:
        return ["best", self.count, self.metric, self.mode]

    def __str__(self) -> str:
        return f"best {self.count} by {self.metric} ({self.mode})"


@dataclass(frozen=True)
class KeepEvery(KeepRule):
    """The multiples of so many steps, for ever."""

    steps: int

    def __post_init__(self) -> None:
        positive("keep_every", self.steps)

    def kept(self, marks: Sequence[Mark]) -> set[int]:
        return {mark.step for mark in marks if mark.step % self.steps == 0}

    def data(self) -> list[Any]:
        return ["every", self.steps]

    def __str__(self) -> str:
        return f"every {self.steps}"


def keep_rule(data: Any) -> KeepRule:
    """A rule from what `KeepRule.data` gave; `CPVError` for anything else."""
    try:
        name, *rest = data
        if name in ("and", "or"):
            one, other = map(keep_rule, rest)
            return one & other if name == "and" else one | other
        kinds: dict[str, Callable[..., KeepRule]]
        kinds = {"all": KeepAll, "last": KeepLast, "best": KeepBest, "every": KeepEvery}
        return kinds[name](*rest)
    except (KeyError, TypeError, ValueError) as error:
        raise CPVError(f"not a rule for what is kept: {data!r}", fix="start the training job again") from error


def any_of(rules: Iterable[KeepRule]) -> KeepRule:
    """What any of these keeps; all of it where there are none."""
    found = list(rules)
    return reduce(lambda one, other: one | other, found) if found else KeepAll()


def rule_of(
    last: int | None,
    best: int | None,
    every: int | None,
    metric: str | None,
    mode: Goal,
    given: KeepRule | None = None,
) -> KeepRule:
    """The rule of a job's keywords: what any of them keeps, and everything where there are none."""
    rules = [given] if given is not None else []
    rules += [KeepLast(last)] if last is not None else []
    rules += [KeepBest(best, metric or "", mode)] if best is not None else []
    rules += [KeepEvery(every)] if every is not None else []
    return any_of(rules)


def kept_steps(rule: KeepRule, marks: Sequence[Mark]) -> dict[int, list[str]]:
    """The steps that stay, and why. The newest always does: it is the one to resume from."""
    chosen = rule.kept(marks) | KeepLast(1).kept(marks)
    said = [(str(one), one.kept(marks)) for one in rule.rules]
    return {step: [text for text, steps in said if step in steps] or ["newest"] for step in sorted(chosen)}


def best_first(marks: Sequence[Mark], metric: str, mode: Goal) -> list[int]:
    """The steps that have the metric as a finite number, the best one first."""
    sign = 1 if mode == "min" else -1
    found = [
        (sign * value, mark.step) for mark in marks if (value := finite_number(mark.metrics.get(metric))) is not None
    ]
    return [step for _, step in sorted(found)]


def finite_number(value: object) -> float | None:
    """A metric as a finite number; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None
