"""When a training run saves: pure functions of the step that it has reached and of what it has saved.

Rules combine: `EverySteps(500) | EveryMinutes(30)` saves when either says so, with `&` when both do.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple


class Moment(NamedTuple):
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

    def by_step(self, moment: Moment) -> bool:
        """Whether that is known without a clock, so that all ranks of a job know it of themselves."""
        return self(moment)

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
        return (all if self.every else any)((self.one(moment), self.other(moment)))

    def by_step(self, moment: Moment) -> bool:
        return (all if self.every else any)((self.one.by_step(moment), self.other.by_step(moment)))


@dataclass(frozen=True)
class EverySteps(SaveRule):
    """At each multiple of so many steps, or at the next step if the run skips that one."""

    steps: int

    def __post_init__(self) -> None:
        positive("every", self.steps)

    def __call__(self, moment: Moment) -> bool:
        before = 0 if moment.saved is None else moment.saved
        return moment.step // self.steps > before // self.steps or (self.steps == 1 and moment.step != moment.saved)


@dataclass(frozen=True)
class EveryMinutes(SaveRule):
    """So many minutes after the last save."""

    minutes: float

    def __post_init__(self) -> None:
        if not is_amount(self.minutes) or not self.minutes:
            raise CPVError(f"minutes must be more than 0, not {self.minutes!r}", fix="CheckpointRun(minutes=30)")

    def __call__(self, moment: Moment) -> bool:
        return moment.now - moment.since >= 60 * self.minutes

    def by_step(self, moment: Moment) -> bool:
        return False


def any_rule(rules: Iterable[SaveRule]) -> SaveRule:
    """Whenever one of these says so; at every step where there are none."""
    found = list(rules)
    return reduce(lambda one, other: one | other, found) if found else EverySteps(1)


def save_rule(every: int | None, minutes: float | None, given: SaveRule | None) -> SaveRule:
    """The rule of a job's keywords: whenever one of them says so."""
    rules = [given] if given is not None else []
    rules += [EverySteps(every)] if every is not None else []
    rules += [EveryMinutes(minutes)] if minutes is not None else []
    return any_rule(rules)


def positive(name: str, value: object) -> None:
    """Refuse what is not a number to count with."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise CPVError(f"{name} must be a whole number of at least 1, not {value!r}", fix=f"CheckpointRun({name}=1)")


def is_amount(value: object) -> bool:
    """Whether it is a number from 0 on."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def seconds(name: str, value: float, fix: str) -> float:
    """The value, if it is a time to wait for."""
    if not is_amount(value):
        raise CPVError(f"{name} must be a number of seconds, not {value!r}", fix=fix)
    return value


def of_kind(name: str, value: object, kind: type) -> None:
    """Refuse what is neither None nor of a kind."""
    if value is not None and not isinstance(value, kind):
        raise CPVError(
            f"{name} must be a {kind.__name__}, not {value!r}", fix=f"help(CheckpointRun) says what {name} is"
        )
