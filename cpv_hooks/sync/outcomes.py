"""What a sync found or did, artifact by artifact."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.project import Project

State = Literal[
    "clean",  # pointer, artifact and base agree
    "snapshot",  # the artifact had changed: its content is in the cache, the pointer names it
    "materialised",  # the pointer had changed: its content is in the work tree
    "adopted",  # both had changed, to the same
    "rescued",  # both had changed, differently: the artifact's content was kept, then the pointer's brought
    "removed",  # Git took the pointer away, and the artifact went too
    "absent",  # the user has removed the artifact
    "left out",  # all of it is absent on purpose
    "gone",  # its data went with a retired version; it is absent, as if the user had removed it
    "modified",  # a stage's or an import's artifact has changed; `dvc repro` or `dvc update` owns the pointer
    "conflict",  # both changed, differently; the user must choose
    "in flux",  # being written
    "over budget",  # too large for a background query
    "missing",  # the cache lacks what the pointer names
    "ignored",  # Git ignores its pointer, or DVC the artifact, so no commit can hold it
    "unreadable",  # a link that leads nowhere or out, a disk that does not give it: whether it has changed is not known
    "invalid",  # a broken pointer, a disk that does not take what has changed
]
_SETTLED: frozenset[State] = frozenset(
    {"clean", "snapshot", "materialised", "adopted", "rescued", "absent", "left out", "gone", "removed"}
)
_WROTE: frozenset[State] = frozenset({"snapshot", "materialised", "rescued", "gone", "removed"})


class LeftOut(NamedTuple):
    """What of an artifact is absent on purpose: so many of its files (None for a file), and bytes if that is known."""

    nfiles: int | None
    size: int | None


class Outcome(NamedTuple):
    """What the sync found or did for one artifact. `error` is what the user is to be told.

    `opened` are files of it that were snapshotted while another process had them open for writing, and has still.
    `leaves` is what was left out just now.
    """

    path: str
    state: State
    pointer: Pointer | None = None
    error: CPVError | None = None
    opened: tuple[str, ...] = ()
    leaves: LeftOut | None = None


class SyncReport:
    """The outcomes of a sync, and the DVC roots that it covered."""

    def __init__(self, outcomes: Iterable[Outcome] = (), projects: Iterable[Project] = ()) -> None:
        self.outcomes = list(outcomes)
        self.projects = list(projects)

    @property
    def wrote(self) -> bool:
        """Whether a pointer or an artifact was written."""
        return any(outcome.state in _WROTE or outcome.leaves for outcome in self.outcomes)

    @property
    def settled(self) -> bool:
        """Whether pointer, artifact and base agree everywhere."""
        return all(outcome.state in _SETTLED and not outcome.error for outcome in self.outcomes)

    @property
    def errors(self) -> list[CPVError]:
        """What the user must be told."""
        return [outcome.error for outcome in self.outcomes if outcome.error]

    @property
    def left_out(self) -> list[Outcome]:
        """Where something was left out just now."""
        return [outcome for outcome in self.outcomes if outcome.leaves]

    def of(self, *states: State) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.state in states]


Listener = Callable[[Project, Pointer, int], None]
"""Is told of each snapshot: what the pointer says now, and how many bytes were read for it."""


def nobody(project: Project, pointer: Pointer, size: int) -> None:
    """Nobody listens."""
