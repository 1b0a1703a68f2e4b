"""A plan: everything that an operation will change, decided before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Literal, TypeVar

from cpv_hooks.named_tuple import NamedTuple

Tool = Literal["git", "dvc", "s3", "file"]
Result = TypeVar("Result")


class Effect(NamedTuple):
    """One change. `tool` says whose it is: Git's refs, index and commits; DVC's cache and pointers; objects on the
    remote (`s3`, whatever kind of remote it is); files in the work tree or elsewhere on this machine."""

    tool: Tool
    text: str

    def __str__(self) -> str:
        return f"{self.tool}: {self.text}"


class Plan(Generic[Result]):
    """An operation that can be shown or done. `expected` is what `run` will return, as far as it can be known."""

    def __init__(self, effects: tuple[Effect, ...], expected: Result, run: Callable[[], Result]) -> None:
        self.effects = effects
        self.expected = expected
        self.run = run


class Step(NamedTuple):
    """An effect that is planned. `do` may be called once, later, or never."""

    effect: Effect
    do: Callable[[], object]


def plan_of_steps(steps: Sequence[Step], after: Callable[[], None] = lambda: None) -> Plan[None]:
    """The plan to do steps one after the other, and what comes after them."""

    def run() -> None:
        for step in steps:
            step.do()
        after()

    return Plan(tuple(step.effect for step in steps), None, run)
