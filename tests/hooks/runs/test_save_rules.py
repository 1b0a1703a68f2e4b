"""When a run saves and what it keeps: the rules, which are functions of what the run has done."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpv_hooks.errors import CPVError
from cpv_hooks.runs.keep_rules import (
    KeepAll,
    KeepBest,
    KeepEvery,
    KeepLast,
    KeepRule,
    Mark,
    best_first,
    keep_rule,
    kept_steps,
)
from cpv_hooks.runs.save_rules import EveryMinutes, EverySteps, Moment, any_rule
from dvc_cpv_plugin import CheckpointRun

NUMBERS = st.one_of(st.integers(-5, 5), st.floats(allow_nan=True, allow_infinity=True), st.just("text"), st.none())
MARKS = st.dictionaries(st.integers(0, 300), NUMBERS, max_size=12).map(
    lambda found: [Mark(step, {} if value is None else {"loss": value}) for step, value in sorted(found.items())]
)
PLAIN = st.one_of(
    st.just(KeepAll()),
    st.builds(KeepLast, st.integers(1, 5)),
    st.builds(KeepBest, st.integers(1, 5), st.just("loss"), st.sampled_from(["min", "max"])),
    st.builds(KeepEvery, st.integers(1, 50)),
)
RULES = st.recursive(
    PLAIN, lambda inner: st.builds(lambda a, b, both: (a & b) if both else (a | b), inner, inner, st.booleans())
)


def saved_at(rule: EverySteps, steps: range, saved: int | None = None) -> list[int]:
    found = []
    for step in steps:
        if rule(Moment(step, 0.0, saved, 0.0)):
            saved = step
            found.append(step)
    return found


def test_steps_are_saved_at_multiples() -> None:
    assert saved_at(EverySteps(500), range(2001)) == [500, 1000, 1500, 2000]
    assert saved_at(EverySteps(1), range(4)) == [0, 1, 2, 3]


def test_a_loop_that_does_not_stop_at_each_step_saves_at_the_next() -> None:
    assert saved_at(EverySteps(100), range(0, 600, 70)) == [140, 210, 350, 420, 560]


def test_a_resumed_run_goes_on_with_the_same_multiples() -> None:
    assert saved_at(EverySteps(500), range(501, 2000), saved=500) == [1000, 1500]
    assert saved_at(EverySteps(500), range(734, 1100), saved=733) == [1000]


def test_minutes_count_from_the_last_save() -> None:
    rule = EveryMinutes(2)
    assert not rule(Moment(1, now=219.9, saved=None, since=100.0))
    assert rule(Moment(1, now=220.0, saved=None, since=100.0))


def test_rules_for_saving_combine() -> None:
    due, early = Moment(500, 0.0, None, 0.0), Moment(499, 999.0, None, 0.0)
    either_of, both = EverySteps(500) | EveryMinutes(1), EverySteps(500) & EveryMinutes(1)
    assert (either_of(due), either_of(early), both(due), both(early)) == (True, True, False, False)
    assert both(Moment(500, 60.0, None, 0.0))
    assert any_rule([])(Moment(7, 0.0, None, 0.0))


def test_what_is_known_without_a_clock() -> None:
    due, late = Moment(500, 0.0, None, 0.0), Moment(499, 999.0, None, 0.0)
    either_of, both = EverySteps(500) | EveryMinutes(1), EverySteps(500) & EveryMinutes(1)
    assert (either_of.by_step(due), either_of.by_step(late)) == (True, False)
    assert not any(rule.by_step(moment) for rule in (both, EveryMinutes(1)) for moment in (due, late))


@given(MARKS, st.integers(1, 5), st.sampled_from(["min", "max"]))
def test_the_best_are_the_best_and_nothing_without_a_number_is_one(marks: list[Mark], count: int, mode: str) -> None:
    values = {mark.step: mark.metrics.get("loss") for mark in marks}
    chosen = KeepBest(count, "loss", mode).kept(marks)  # type: ignore[arg-type]
    finite = {step: value for step, value in values.items() if isinstance(value, int | float) and math.isfinite(value)}
    assert chosen <= finite.keys()
    assert len(chosen) == min(count, len(finite))
    left = finite.keys() - chosen
    for one in chosen:
        for other in left:
            assert finite[one] <= finite[other] if mode == "min" else finite[one] >= finite[other]


def test_of_equal_ones_the_earlier_is_better() -> None:
    marks = [Mark(step, {"acc": 0.5}) for step in (1, 2, 3)]
    assert best_first(marks, "acc", "max") == [1, 2, 3]


@given(MARKS, RULES)
def test_the_newest_is_always_kept_and_each_has_a_reason(marks: list[Mark], rule: KeepRule) -> None:
    kept = kept_steps(rule, marks)
    assert rule.kept(marks) <= kept.keys() <= {mark.step for mark in marks}
    assert not marks or marks[-1].step in kept
    assert all(reasons for reasons in kept.values())


@given(MARKS, RULES, RULES)
def test_rules_for_keeping_combine_as_sets(marks: list[Mark], one: KeepRule, other: KeepRule) -> None:
    assert (one | other).kept(marks) == one.kept(marks) | other.kept(marks)
    assert (one & other).kept(marks) == one.kept(marks) & other.kept(marks)


@given(MARKS, RULES)
def test_keeping_twice_keeps_what_once_did(marks: list[Mark], rule: KeepRule) -> None:
    """What is not kept is dropped at once, so a rule must not change its mind about the rest."""
    kept = kept_steps(rule, marks)
    assert kept_steps(rule, [mark for mark in marks if mark.step in kept]).keys() == kept.keys()


@given(RULES)
def test_a_rule_goes_through_json(rule: KeepRule) -> None:
    assert keep_rule(json.loads(json.dumps(rule.data()))) == rule


@pytest.mark.parametrize("data", [["first", 2], ["last"], ["last", 0], [], None, ["or", ["all"]], "last", 7])
def test_what_is_no_rule_is_refused(data: object) -> None:
    with pytest.raises(CPVError):
        keep_rule(data)


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: EverySteps(0), "every must be a whole number of at least 1, not 0"),
        (lambda: EverySteps(True), "every must be a whole number of at least 1, not True"),
        (lambda: EverySteps(2.5), "every must be a whole number of at least 1, not 2.5"),
        (lambda: EveryMinutes(0), "minutes must be more than 0, not 0"),
        (lambda: EveryMinutes(math.nan), "minutes must be more than 0, not nan"),
        (lambda: EveryMinutes("5"), "minutes must be more than 0, not '5'"),
        (lambda: EveryMinutes(True), "minutes must be more than 0, not True"),
        (lambda: EveryMinutes(math.inf), "minutes must be more than 0, not inf"),
        (lambda: CheckpointRun(grace=-1), "grace must be a number of seconds, not -1"),
        (lambda: CheckpointRun(grace=None), "grace must be a number of seconds, not None"),
        (lambda: CheckpointRun(grace="25"), "grace must be a number of seconds, not '25'"),
        (lambda: CheckpointRun(grace=math.nan), "grace must be a number of seconds, not nan"),
        (lambda: CheckpointRun(name=7), "name must be a str, not 7"),
        (lambda: CheckpointRun(artifact=Path("a")), "artifact must be a str, not PosixPath('a')"),
        (lambda: CheckpointRun(metric=7), "metric must be a str, not 7"),
        (lambda: CheckpointRun(save_when=500), "save_when must be a SaveRule, not 500"),
        (lambda: CheckpointRun(keep=2), "keep must be a KeepRule, not 2"),
        (lambda: KeepLast(-1), "keep_last must be a whole number of at least 1, not -1"),
        (lambda: KeepBest(1, ""), "keep_best needs the name of a metric"),
        (lambda: KeepBest(1, "loss", "least"), "mode must be min or max, not 'least'"),
    ],
)
def test_bad_numbers_are_refused(make: object, what: str) -> None:
    with pytest.raises(CPVError) as raised:
        make()  # type: ignore[operator]
    assert raised.value.what == what
    assert raised.value.fix
