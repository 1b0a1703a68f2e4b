"""What is said of a sync: one line for each thing that a person must know, and nothing else."""

from __future__ import annotations

from cpv_hooks.console.output import fail, say, warn
from cpv_hooks.sync.outcomes import Outcome, SyncReport

_BLOCKING = frozenset({"in flux", "unreadable", "invalid", "ignored", "conflict"})
# What refuses a commit, or fails a checkout, is no mere warning.
_STOPPING = _BLOCKING | {"missing"}


def tell_outcomes(report: SyncReport) -> None:
    """Print the problems and the rescues."""
    for outcome in report.outcomes:
        if outcome.error and outcome.state in _STOPPING:
            fail(outcome.error)
        elif outcome.error:
            warn(str(outcome.error))


def tell_changes(report: SyncReport) -> None:
    """Print the problems, and how much was brought into the work tree."""
    tell_outcomes(report)
    brought = report.of("materialised", "rescued")
    if brought:
        say(f"updated {', '.join(outcome.path for outcome in brought[:5])}{' …' if len(brought) > 5 else ''}")


def blocking(outcomes: list[Outcome]) -> list[Outcome]:
    """What a commit must not go over: torn or broken artifacts."""
    return [outcome for outcome in outcomes if outcome.state in _BLOCKING]


def incomplete(report: SyncReport) -> bool:
    """Whether an artifact is not what its pointer says."""
    return any(outcome.error for outcome in report.of("missing", "unreadable", "invalid", "conflict"))
