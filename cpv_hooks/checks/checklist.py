"""The specification's checklist (§8): what has to hold before an operation, and the command that fixes what does not.

Each operation has its lines of the list in `FOR`; `force` passes over those in `SKIPPABLE`, never over the others: a
tag that exists, a merge under way, a remote that cannot take the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, cast, get_args

from cpv_hooks.checks import local_checks, network_checks
from cpv_hooks.checks.disk_checks import disk_space
from cpv_hooks.checks.subject import Subject
from cpv_hooks.console.check_result import Check, Question, ValidationError, guarded, merge_checks, side_by_side
from cpv_hooks.console.output import warn
from cpv_hooks.console.redact import redact
from cpv_hooks.console.trace import emit_trace
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.worktree import remotes_in_use

Name = Literal["git-state", "git-clean", "required-files", "tag", "disk-space", "dvc-remote", "network", "s3"]
ALL: tuple[Name, ...] = get_args(Name)
"""In the order in which a person would mend things."""
SKIPPABLE: frozenset[Name] = frozenset({"git-clean", "disk-space", "network"})
"""What `force` passes over. Git's own protection of uncommitted work holds all the same."""
SECONDS = 20.0

_SENDS: tuple[Name, ...] = ("dvc-remote", "network", "s3")
_MAKE: tuple[Name, ...] = ("git-state", "git-clean", "required-files", "tag", "disk-space", *_SENDS)
_REVERT: tuple[Name, ...] = ("git-state", "git-clean", "disk-space")
_FETCH: tuple[Name, ...] = ("disk-space", *_SENDS)

FOR: Mapping[str, tuple[Name, ...]] = {
    "init": ("required-files", "disk-space"),
    "model upload": _MAKE,
    "model download": _FETCH,
    "model load": _FETCH,
    "export": _FETCH,
    "model tag": _MAKE,
    "model revert": _REVERT,
    "data upload": _MAKE,
    "data download": _FETCH,
    "data tag": _MAKE,
    "data revert": _REVERT,
    "checkpoint create": _MAKE,
    "checkpoint revert": _REVERT,
}
"""Which lines each operation has. Reading what is here (`list`, `info`) has none."""


def run_checks(subject: Subject, names: Sequence[Name], *, seconds: float = SECONDS) -> list[Check]:
    """Make these checks, in the order of `ALL`. Those that need the network run side by side, for `seconds` at most.

    Never raises: what keeps a check from being made is its failure.
    """
    wanted = [name for name in ALL if name in names]
    found = {name: guarded(name, lambda name=name: _here(name, subject)) for name in wanted}  # type: ignore[misc]
    questions = [question for name in wanted for question in _away(name, subject)]
    for check in side_by_side(questions, seconds):
        found[cast(Name, check.name)].append(check)
    checks = [merge_checks(name, made) for name, made in found.items() if made]
    return [check._replace(reason=redact(check.reason)) for check in checks]


def _here(name: Name, subject: Subject) -> Iterable[Check]:
    """What this machine answers for a line of the list."""
    project = subject.project
    if name == "required-files":
        return local_checks.required_files(project, subject)
    if name == "disk-space":
        return disk_space(subject)
    if project is None:
        return ()
    if name == "git-state":
        return local_checks.git_state(project)
    if name == "git-clean":
        return local_checks.git_clean(project, subject)
    if name == "tag":
        return local_checks.tag(project, subject)
    return network_checks.dvc_remote(project) if name == "dvc-remote" else ()


def _away(name: Name, subject: Subject) -> list[Question]:
    """Whom to ask for a line of the list."""
    project = subject.project
    if project is None or name not in ("s3", "network"):
        return []
    remotes = [project.at(remote) for remote in remotes_in_use.remote_names(project) if remote in project.remotes]
    if name == "s3":
        return [network_checks.remote_answers("s3", at) for at in remotes]
    return network_checks.network(project, remotes) if remotes else []


def require_checks(operation: str, subject: Subject, *, force: bool = False, seconds: float = SECONDS) -> list[Check]:
    """Make an operation's checks; `ValidationError` where one fails that `force` does not pass over.

    What only warns, or was passed over, is told in a line of its own. Returns all the checks.
    """
    if operation.endswith(" revert"):
        # Whatever was changed is kept first, in both lines.
        subject = subject._replace(lines=tuple(Line))
    checks = run_checks(subject, FOR[operation], seconds=seconds)
    failed = [check for check in checks if check.result == "fail" and not (force and check.name in SKIPPABLE)]
    if not failed:
        _tell(checks)
    else:
        first, *others = failed
        also = f" ({', '.join(check.name for check in others)} would fail too)" if others else ""
        raise ValidationError(f"{first.name}: {first.reason}{also}", fix=first.fix, checks=checks)
    return checks


def _tell(checks: Sequence[Check]) -> None:
    for check in checks:
        if check.result == "fail":
            warn(f"overridden by force: {check.line}")
        elif check.result == "warn" and check.name != "network":
            warn(check.line)
        else:
            # A Git host that does not answer matters to `git push`, which says so itself.
            emit_trace("debug", f"{check.result} {check.line}")
