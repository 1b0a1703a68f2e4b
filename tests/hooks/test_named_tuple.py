"""Records are what `typing.NamedTuple` makes of the same fields."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from cpv_hooks import named_tuple


class Usual(NamedTuple):
    cls: int
    self: str
    values: tuple[int, ...] = (1, 2)

    @property
    def total(self) -> int:  # type: ignore[override]
        return sum(self.values)


class Ours(named_tuple.NamedTuple):
    cls: int
    self: str
    values: tuple[int, ...] = (1, 2)

    @property
    def total(self) -> int:  # type: ignore[override]
        return sum(self.values)


class Below(Ours):
    """Such as `Repo` and `Project`, which keep what they found out."""


USES: dict[str, Callable[[Any], object]] = {
    "by place": lambda kind: kind(1, "a", (3,)),
    "default": lambda kind: kind(1, "a").values,
    "by name": lambda kind: kind(self="a", cls=1),
    "both": lambda kind: kind(1, self="a", values=()),
    "computed": lambda kind: kind(1, "a").total,
    "equal": lambda kind: (kind(1, "a") == (1, "a", (1, 2)), hash(kind(1, "a")) == hash((1, "a", (1, 2)))),
    "replaced": lambda kind: kind(1, "a")._replace(self="b"),
    "as a dict": lambda kind: kind(1, "a")._asdict(),
    "made": lambda kind: kind._make([1, "a", ()]),
    "fields": lambda kind: (kind._fields, kind._field_defaults, kind.__match_args__),
    "stored": lambda kind: pickle.loads(pickle.dumps(kind(1, "a"))),  # noqa: S301  # its own
    "copied": lambda kind: copy.copy(kind(1, "a")),
    "shown": lambda kind: repr(kind(1, "a")).replace(kind.__name__, ""),
}
FAULTS: dict[str, Callable[[Any], object]] = {
    "too few": lambda kind: kind(1),
    "too many": lambda kind: kind(1, "a", (), 4),
    "twice": lambda kind: kind(1, "a", cls=2),
    "unknown": lambda kind: kind(1, "a", other=2),
    "no such field": lambda kind: kind(1, "a")._replace(other=2),
    "too few to make": lambda kind: kind._make([1]),
    "not to be changed": lambda kind: setattr(kind(1, "a"), "cls", 2),
    "nothing beside": lambda kind: setattr(kind(1, "a"), "other", 2),
}


@pytest.mark.parametrize("use", USES)
def test_a_record_is_used_like_a_named_tuple(use: str) -> None:
    assert USES[use](Ours) == USES[use](Usual)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_record_refuses_what_a_named_tuple_refuses(fault: str) -> None:
    with pytest.raises((TypeError, ValueError, AttributeError)):
        FAULTS[fault](Usual)
    with pytest.raises((TypeError, ValueError, AttributeError)):
        FAULTS[fault](Ours)


def test_a_class_of_records_can_be_built_upon() -> None:
    below = Below(1, "a")._replace(cls=2)
    below.found = "once"  # type: ignore[attr-defined]
    assert (type(below), below.cls, below.total) == (Below, 2, 3)
