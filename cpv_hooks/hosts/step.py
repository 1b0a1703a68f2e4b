"""One change of a setup: what it is, and the function that makes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cpv_hooks.operations.effects import Effect


@dataclass(frozen=True)
class Step:
    """An effect that is planned. `do` may be called once, later, or never."""

    effect: Effect
    do: Callable[[], object]
