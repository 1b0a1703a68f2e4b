"""When a training run saves, and which of its steps are kept: pure functions of what the run has done.

Rules combine: `EverySteps(500) | EveryMinutes(30)` saves when either says so, `KeepLast(2) | KeepBest(3, "loss")` keeps
what either keeps; `&` wants both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal

from cpv_hooks.errors import CPVError

Mode = Literal["min", "max"]


@dataclass(frozen=True)
class Moment:
    """A step that a run has reached, and what was saved last. Times are in seconds, on one clock.

    `saved` is the last step that was saved, or that the run went on from; `since` is when, or when the run began.
    """

    step: int
    now: float
    saved: int | None
    since: float


class SaveRule:
    """Whether a moment is one to save at."""

    def __call__(self, moment: Moment) -> bool:
        raise NotImplementedError

    def __or__(self, other: SaveRule) -> SaveRule:
        return _SaveBoth(self, other, every=False)

    def __and__(self, other: SaveRule) -> SaveRule:
        return _SaveBoth(self, other, every=True)


@dataclass(frozen=True)
class _SaveBoth(SaveRule):
    one: SaveRule
    other: SaveRule
    every: bool

    def __call__(self, moment: Moment) -> bool:
        answers = (self.one(moment), self.other(moment))
        return all(answers) if self.every else any(answers)


@dataclass(frozen=True)
class EverySteps(SaveRule):
    """At each multiple of so many steps, or at the first step after it where the run does not stop at each."""

    steps: int

    def __post_init__(self) -> None:
        _positive("every", self.steps)

    def __call__(self, moment: Moment) -> bool:
        before = 0 if moment.saved is None else moment.saved
        return moment.step // self.steps > before // self.steps or (self.steps == 1 and moment.step != moment.saved)


@dataclass(frozen=True)
class EveryMinutes(SaveRule):
    """So many minutes after the last save."""

    minutes: float

    def __post_init__(self) -> None:
        if not self.minutes > 0:
            raise CPVError("minutes must be more than 0", fix="CheckpointRun(minutes=30)")

    def __call__(self, moment: Moment) -> bool:
        return moment.now - moment.since >= 60 * self.minutes


def either(rules: Iterable[SaveRule]) -> SaveRule:
    """Whenever one of these says so; at every step where there are none."""
    found = list(rules)
    return reduce(lambda one, other: one | other, found) if found else EverySteps(1)


class Mark:
    """A step of a run, as a rule sees it."""

    def __init__(self, step: int, metrics: Mapping[str, object]) -> None:
        self.step = step
        self.metrics = metrics


class KeepRule:
    """Which steps of a run are kept."""

    def kept(self, marks: Sequence[Mark]) -> set[int]:
        """The steps to keep of these, which are in order."""
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
        _positive("keep_last", self.count)

    def kept(self, marks: Sequence[Mark]) -> set[int]:
        return set(sorted(mark.step for mark in marks)[-self.count :])

    def data(self) -> list[Any]:
        return ["last", self.count]

    def __str__(self) -> str:
        return f"last {self.count}"


@dataclass(frozen=True)
class KeepBest(KeepRule):
    """The best so many by a metric. Of equal ones the earlier is better; what has no finite number is never best."""

    count: int
    metric: str
    mode: Mode = "min"

    def __post_init__(self) -> None:
        _positive("keep_best", self.count)
        if not isinstance(self.metric, str) or not self.metric:
            raise CPVError("keep_best needs the name of a metric", fix='CheckpointRun(keep_best=3, metric="eval_loss")')
        if self.mode not in ("min", "max"):
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
        _positive("keep_every", self.steps)

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


def keep(rule: KeepRule, marks: Sequence[Mark]) -> dict[int, list[str]]:
    """The steps that stay, and why. The newest always does: it is the one to resume from."""
    chosen = rule.kept(marks) | KeepLast(1).kept(marks)
    said = [(str(one), one.kept(marks)) for one in rule.rules]
    return {step: [text for text, steps in said if step in steps] or ["newest"] for step in sorted(chosen)}


def best_first(marks: Sequence[Mark], metric: str, mode: Mode) -> list[int]:
    """The steps that have the metric as a finite number, the best one first."""
    sign = 1 if mode == "min" else -1
    found = [(sign * value, mark.step) for mark in marks if (value := number(mark.metrics.get(metric))) is not None]
    return [step for _, step in sorted(found)]


def number(value: object) -> float | None:
    """A metric as a finite number; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _positive(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise CPVError(f"{name} must be a whole number from 1 on, not {value!r}", fix=f"CheckpointRun({name}=1)")
