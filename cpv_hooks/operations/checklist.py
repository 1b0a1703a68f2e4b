"""The specification's checklist (§8): what has to hold before an operation, and the command that mends what does not.

Each operation has its lines of the list in `FOR`; `force` passes over those in `SKIPPABLE`, never over the others: a
tag that exists, a merge under way, a remote that cannot take the data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cpv_hooks.check import Check
from cpv_hooks.errors import CPVError
from cpv_hooks.project import Project
from cpv_hooks.schemes import Line

Name = Literal["git-state", "git-clean", "required-files", "tag", "disk-space", "dvc-remote", "network", "s3"]
ALL: tuple[Name, ...] = ("git-state", "git-clean", "required-files", "tag", "disk-space", "dvc-remote", "network", "s3")
"""In the order in which a person would mend things."""
SKIPPABLE: frozenset[Name] = frozenset({"git-clean", "disk-space", "network"})
"""What `force` passes over. Git's own protection of uncommitted work holds all the same."""
SECONDS = 20.0

_SENDS: tuple[Name, ...] = ("dvc-remote", "network", "s3")
_UPLOAD: tuple[Name, ...] = ("git-state", "git-clean", "required-files", "tag", "disk-space", *_SENDS)
_TAG: tuple[Name, ...] = ("git-state", "git-clean", "required-files", "tag", "disk-space", *_SENDS)
_REVERT: tuple[Name, ...] = ("git-state", "git-clean", "disk-space")
_FETCH: tuple[Name, ...] = ("disk-space", *_SENDS)

FOR: Mapping[str, tuple[Name, ...]] = {
    "init": ("required-files", "disk-space"),
    "model upload": _UPLOAD,
    "model download": _FETCH,
    "model load": _FETCH,
    "model tag": _TAG,
    "model revert": _REVERT,
    "data upload": _UPLOAD,
    "data download": _FETCH,
    "data tag": _TAG,
    "data revert": _REVERT,
    "checkpoint create": _TAG,
    "checkpoint revert": _REVERT,
}
"""Which lines each operation has. Reading what is here (`list`, `info`) has none."""


@dataclass(frozen=True)
class Subject:
    """What an operation is about.

    `version` is the one that a user asked for, None for the next. `source` is the path that is uploaded or imported.
    `bytes_needed` is what the operation writes, on each of the disks that hold the work tree, the cache and
    `destination` (the folder of a download, or CPV's own below the personal folder). `commits` says that it makes a
    commit, to which a detached HEAD matters.
    """

    project: Project
    lines: tuple[Line, ...] = (Line.MODEL,)
    version: str | None = None
    source: Path | None = None
    bytes_needed: int = 0
    destination: Path | None = None
    commits: bool = False


class ValidationError(CPVError):
    """An operation was not begun, because something that it needs does not hold; `checks` are all that were made."""

    def __init__(self, operation: str, checks: Sequence[Check], failed: Sequence[Check]) -> None:
        self.operation = operation
        self.checks = tuple(checks)
        first, *others = failed
        also = f" (and so do {', '.join(check.name for check in others)})" if others else ""
        super().__init__(f"{operation}: {first.name} fails{also}: {first.reason}", fix=first.fix)


def run(subject: Subject, names: Sequence[Name], *, seconds: float = SECONDS) -> list[Check]:
    """Make these checks, in the order of `ALL`. Those that need the network run side by side, for `seconds` at most."""
    return []


def demand(operation: str, subject: Subject, *, force: bool = False, seconds: float = SECONDS) -> list[Check]:
    """Make an operation's checks; `ValidationError` where one fails that `force` does not pass over.

    Returns them all, so that what only warns, or was passed over, can be told.
    """
    checks = run(subject, FOR[operation], seconds=seconds)
    failed = [check for check in checks if check.result == "fail" and not (force and check.name in SKIPPABLE)]
    if failed:
        raise ValidationError(operation, checks, failed)
    return checks


def validate_all(cwd: Path | None = None, *, seconds: float = SECONDS) -> list[Check]:
    """Every check that makes sense here: those of the repository around `cwd`, the Git host, the AWS credentials.

    Outside of a repository the personal settings alone are looked at. Changes nothing, raises nothing.
    """
    return []
