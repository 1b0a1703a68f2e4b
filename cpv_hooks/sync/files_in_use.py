"""What was snapshotted while its writer had it open: noted then, asked again when a commit takes it.

A snapshot is whole as to what was there, but a writer that pauses in the middle of a file cannot be told from one that
is done in any other way. What was closed since is done; what was written since is snapshotted again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from cpv_hooks.errors import CPVError
from cpv_hooks.project.project import Project
from cpv_hooks.sync.outcomes import Outcome
from cpv_hooks.system.open_files import Writer, being_filled
from cpv_hooks.worktree.discovery import owner
from cpv_hooks.worktree.workspace import Workspace

_NOTED = 20
"""Files of an artifact; one would do for the line."""


def note_open_files(space: Workspace, path: str, files: Iterable[str | Path]) -> tuple[str, ...]:
    """Note which of the files that a snapshot has just read are open for writing; returns their names.

    Metrics are written while they are versioned: that is what they are for.
    """
    if space.project.kind_of(path) == "metrics":
        return ()
    top = space.project.repo.top
    found = tuple(file.relative_to(top).as_posix() for file in being_filled(files))[:_NOTED]
    if found:
        space.index.opened[path] = found
    return found


def still_open(space: Workspace, path: str) -> tuple[str, ...]:
    """Those of the files that were noted of an artifact which are open still."""
    noted = space.index.opened.pop(path, ())
    return note_open_files(space, path, [space.project.repo.top / name for name in noted]) if noted else ()


def taken_open(
    projects: list[Project], outcomes: Iterable[Outcome], files: Collection[str]
) -> list[tuple[CPVError, bool]]:
    """The line for each artifact that a commit takes (by its pointer file) while it is open; whether that stops it."""
    found = []
    for outcome in outcomes:
        project = owner(projects, outcome.pointer.file) if outcome.pointer and outcome.opened else None
        if project is None or outcome.pointer is None or outcome.pointer.file not in files:
            continue
        stops = project.config.open_files == "stop"
        found.append((_error(project, outcome.opened, stops=stops), stops))
    return found


def _error(project: Project, names: tuple[str, ...], *, stops: bool) -> CPVError:
    writers = being_filled(project.repo.top / name for name in names)
    writer = next(filter(None, writers.values()), None)
    more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    what = f"open for writing{_by(writer)}{more}, so it may not be complete"
    fix = "wait until its writer has closed it, then commit" + ("" if stops else " again")
    return CPVError(what, where=names[0], fix=fix)


def _by(writer: Writer | None) -> str:
    return f" by {writer.program} (process {writer.process})" if writer is not None else ""
