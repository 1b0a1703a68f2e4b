"""What would go: decided here, without changing anything."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cpv_hooks.console.times import DAY
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.remote.common.inventory import Inventory, Leftover
from cpv_hooks.upkeep.verify.starts import GRACE

ABANDONED = 7 * DAY
"""Seconds after which nobody goes on with an upload or a temporary file of ours."""
FRESH = 3600.0
"""Seconds for which an object that is new in the cache is left alone: its pointer may be yet to come."""

Why = Literal["nothing needs it", "an older version, on the remote"]


class PruneOptions(NamedTuple):
    """What the user asked for; times are in seconds.

    `keep` newest versions of each line, and those younger than `older_than`, stay in the cache; without either all do.
    """

    keep: int | None = None
    older_than: float | None = None
    grace: float = GRACE
    remote: bool = False
    force: bool = False

    @property
    def thins(self) -> bool:
        """Whether older versions may leave the cache."""
        return self.keep is not None or self.older_than is not None


class Doomed(NamedTuple):
    """An object that would go: its size in bytes, when it was last changed (seconds since the epoch), and why."""

    oid: str
    size: int
    modified: float
    why: Why
    file: Path | None = None


class CachePart(NamedTuple):
    """What would go from one cache, and temporary files of ours that were left there."""

    folder: Path
    objects: tuple[Doomed, ...]
    leftovers: tuple[Path, ...]
    leftover_bytes: int


class RemotePart(NamedTuple):
    """What would go from one remote."""

    url: str
    inventory: Inventory
    objects: tuple[Doomed, ...]
    leftovers: tuple[Leftover, ...]


@dataclass
class PrunePlan:
    """All that would go. `options` are those it was made with, `made` is when, in seconds since the epoch.

    `waiting` are lines about retired versions whose data stays for now.
    """

    options: PruneOptions
    caches: list[CachePart] = field(default_factory=list)
    remotes: list[RemotePart] = field(default_factory=list)
    waiting: Sequence[str] = ()
    made: float = field(default_factory=time.time)

    @property
    def objects(self) -> list[Doomed]:
        """Every object that would go, from wherever."""
        cached = [item for part in self.caches for item in part.objects]
        return cached + [item for part in self.remotes for item in part.objects]

    @property
    def empty(self) -> bool:
        """Whether nothing would go."""
        left = [part.leftovers for part in self.caches if part.leftovers]
        return not (self.objects or left or any(part.leftovers for part in self.remotes))

    @property
    def bytes(self) -> int:
        """The bytes that this would free, in all places."""
        left = sum(part.leftover_bytes for part in self.caches)
        return total(self.objects) + left + sum(item.size for part in self.remotes for item in part.leftovers)

    def as_dict(self) -> dict[str, Any]:
        return {
            "bytes": self.bytes,
            "waiting": list(self.waiting),
            "caches": [
                {
                    "folder": str(part.folder),
                    "objects": [_row(item) for item in part.objects],
                    "leftovers": [str(path) for path in part.leftovers],
                }
                for part in self.caches
            ],
            "remotes": [
                {
                    "url": part.url,
                    "objects": [_row(item) for item in part.objects],
                    "leftovers": [item.name for item in part.leftovers],
                }
                for part in self.remotes
            ],
        }


def _row(item: Doomed) -> dict[str, Any]:
    return {key: value for key, value in item._asdict().items() if key != "file"}


def total(objects: Sequence[Doomed]) -> int:
    """The size of objects in bytes."""
    return sum(item.size for item in objects)
