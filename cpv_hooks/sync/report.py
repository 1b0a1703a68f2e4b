"""What is said of a sync: one line for each thing that a person must know, and nothing else."""

from __future__ import annotations

from cpv_hooks.console.output import fail, say, size_text, warn
from cpv_hooks.errors import file_words
from cpv_hooks.sync.outcomes import Outcome, SyncReport

_BLOCKING = frozenset({"in flux", "unreadable", "invalid", "ignored", "conflict"})
# What refuses a commit, or fails a checkout, is no mere warning.
_STOPPING = _BLOCKING | {"missing"}
_NAMED = 5


def tell_outcomes(report: SyncReport) -> None:
    """Print the problems and the rescues."""
    for outcome in report.outcomes:
        if outcome.error and outcome.state in _STOPPING:
            fail(outcome.error)
        elif outcome.error:
            warn(str(outcome.error))
    left_out = report.left_out
    if left_out:
        say(_left_out_line(left_out))


def _left_out_line(outcomes: list[Outcome]) -> str:
    """What was left out just now, and the one command that brings it."""
    named = ", ".join(_left_out_words(outcome) for outcome in outcomes[:_NAMED])
    if len(outcomes) > _NAMED:
        return f"left out {named} …; dvc cpv sync PATH brings it"
    return f"left out {named}; dvc cpv sync {file_words(outcome.path for outcome in outcomes)} brings it"


def _left_out_words(outcome: Outcome) -> str:
    leaves = outcome.leaves
    assert leaves is not None
    size = "" if leaves.size is None else size_text(leaves.size)
    if leaves.nfiles is None:
        return f"{outcome.path} ({size})" if size else outcome.path
    files = f"{leaves.nfiles:,} file{'' if leaves.nfiles == 1 else 's'}"
    inside = ", ".join(filter(None, (files, size)))
    if outcome.state == "left out":
        return f"{outcome.path} ({inside})"
    return f"{files} of {outcome.path} ({size})" if size else f"{files} of {outcome.path}"


def tell_changes(report: SyncReport) -> None:
    """Print the problems, and how much was brought into the work tree."""
    tell_outcomes(report)
    brought = report.of("materialised", "rescued")
    if brought:
        more = " …" if len(brought) > _NAMED else ""
        say(f"updated {', '.join(outcome.path for outcome in brought[:_NAMED])}{more}")


def blocking(outcomes: list[Outcome]) -> list[Outcome]:
    """What a commit must not go over: torn or broken artifacts."""
    return [outcome for outcome in outcomes if outcome.state in _BLOCKING]


def incomplete(report: SyncReport) -> bool:
    """Whether an artifact is not what its pointer says."""
    return any(outcome.error for outcome in report.of("missing", "unreadable", "invalid", "conflict"))
