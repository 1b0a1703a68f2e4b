"""Why a command of Git's or DVC's failed, by what it printed, and the command that it advises."""

from __future__ import annotations

_MARKS = ("fatal: ", "error: ", "ERROR: ")


def reason(printed: str, status: int) -> str:
    """The line that says why: the last one that is marked as an error, whatever follows it, else the last one."""
    lines = printed.strip().splitlines() or [f"exit status {status}"]
    return next((line for line in reversed(lines) if line.startswith(_MARKS)), lines[-1])


def bare(line: str) -> str:
    """The reason without its mark."""
    return next((line.removeprefix(mark) for mark in _MARKS if line.startswith(mark)), line)


def advised(printed: str) -> str | None:
    """The command that Git advises, which stands indented in a line of its own."""
    lines = (line.strip() for line in printed.splitlines() if line[:1] in (" ", "\t"))
    return next((line for line in lines if line.startswith("git ")), None)
