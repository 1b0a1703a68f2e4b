"""The three-way sync: pointer, artifact and base of every artifact, brought into agreement.

pointer vs base | artifact vs base           | so
same            | same                       | nothing
same            | changed                    | snapshot
changed         | same                       | materialise
changed         | changed, equal content     | move the base
changed         | changed, different content | conflict: rescue the artifact's content, then say so, or materialise
                                               where Git has just changed the pointer
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cpv_hooks import fastpath
from cpv_hooks.artifacts import Found, discover
from cpv_hooks.durable import write_atomic
from cpv_hooks.errors import CPVError
from cpv_hooks.events import Event
from cpv_hooks.git import Repo
from cpv_hooks.index import Entry, Index
from cpv_hooks.lock import locked, wait_for_dvc
from cpv_hooks.materialise import MissingObject, Placed, needed, place_directory, place_file, remove_artifact
from cpv_hooks.output import Progress
from cpv_hooks.pointer import Content, Pointer, render
from cpv_hooks.project import Project
from cpv_hooks.rescue import record
from cpv_hooks.scan import Clock, being_written, newest, signature
from cpv_hooks.snapshot import BeingWritten, Taken, is_safe, known_oids, take_directory, take_file
from cpv_hooks.workspace import Workspace

State = Literal[
    "clean", "snapshot", "materialised", "adopted", "conflict", "rescued", "removed", "absent", "modified",
    "in flux", "over budget", "missing", "invalid",
]  # fmt: skip
_SETTLED: frozenset[State] = frozenset({"clean", "snapshot", "materialised", "adopted", "rescued", "absent", "removed"})
_WROTE: frozenset[State] = frozenset({"snapshot", "materialised", "rescued", "removed"})
_FLUX_WINDOW = 10 * 1_000_000_000  # ns: an open file that was quiet for longer is a log between two lines


@dataclass(frozen=True)
class Outcome:
    """What the sync found or did for one artifact. `error` is what the user is to be told."""

    path: str
    state: State
    pointer: Pointer | None = None
    error: CPVError | None = None


@dataclass
class Report:
    """The outcomes of a sync, and the DVC roots that it covered."""

    outcomes: list[Outcome] = field(default_factory=list)
    projects: list[Project] = field(default_factory=list)

    @property
    def wrote(self) -> bool:
        """Whether a pointer or an artifact was written."""
        return any(outcome.state in _WROTE for outcome in self.outcomes)

    @property
    def settled(self) -> bool:
        """Whether pointer, artifact and base agree everywhere."""
        return all(outcome.state in _SETTLED for outcome in self.outcomes)

    @property
    def errors(self) -> list[CPVError]:
        """What the user must be told."""
        return [outcome.error for outcome in self.outcomes if outcome.error]

    def of(self, *states: State) -> list[Outcome]:
        """The outcomes in any of these states."""
        return [outcome for outcome in self.outcomes if outcome.state in states]


def sync(repo: Repo, event: Event) -> Report:
    """Bring every artifact of the work tree into agreement, as far as the event allows.

    One artifact's failure never keeps the others from being done; it is in the report. Raises `lock.Busy` where an
    impatient event meets another process.
    """
    with locked(repo.state / "lock", wait=event.patient, say="syncing this work tree"):
        report = _Pass(repo, event).run()
        if report.wrote:
            # What was written is newer than the stamp; a second look, with nothing to do, makes the fast path sure.
            second = _Pass(repo, event).run()
            if second.wrote or not second.settled:
                fastpath.forget(repo)
    return report


class _Pass:
    """One look at everything."""

    def __init__(self, repo: Repo, event: Event) -> None:
        self.repo = repo
        self.event = event
        self.index = Index.load(repo.state)
        self.clock = Clock(repo.state / "clock")
        self.budget = event.budget
        self.progress = Progress(event.work)

    def run(self) -> Report:
        with self.progress:
            return self._run()

    def _run(self) -> Report:
        self.started = self.clock.now()
        projects = Project.find_all(self.repo)
        if not projects and not self.index.entries:
            fastpath.forget(self.repo)
            return Report()
        for project in projects:
            wait_for_dvc(project.root, wait=self.event.patient)
        self.spaces = {
            project.root: Workspace(project, self.index, self.clock, self.progress.advance) for project in projects
        }
        found = discover(self.repo, projects, self.index, self.clock)
        report = Report(projects=projects)
        report.outcomes += [Outcome(error.where or "", "invalid", error=error) for error in found.errors]
        report.outcomes += self._vanished(found, projects)
        report.outcomes += [self._guarded(self.spaces[project.root], pointer) for project, pointer in found.pointers]
        self.index.save()
        if report.settled and not report.wrote:
            fastpath.remember(self.repo, projects, found, report.outcomes, self.started)
        else:
            fastpath.forget(self.repo)
        return report

    def _guarded(self, space: Workspace, pointer: Pointer) -> Outcome:
        """One artifact, with its failure turned into an outcome."""
        try:
            return self._artifact(space, pointer)
        except BeingWritten as error:
            return Outcome(pointer.path, "in flux", pointer, error if self.event.patient else None)
        except MissingObject as error:
            return Outcome(pointer.path, "missing", pointer, error)
        except CPVError as error:
            return Outcome(pointer.path, "invalid", pointer, error)
        except OSError as error:
            from cpv_hooks.cache import fault

            return Outcome(pointer.path, "invalid", pointer, fault(error, Path(error.filename or pointer.path)))

    def _artifact(self, space: Workspace, pointer: Pointer) -> Outcome:
        entry = self.index.entries.get(pointer.path)
        status = space.status(pointer.path)
        same_pointer = entry is not None and (entry.oid, entry.isexec) == (pointer.oid, pointer.isexec)
        if status is None:
            return self._absent(space, pointer, same_pointer)
        same_artifact = entry is not None and self._same(space, pointer.path, entry, status)
        if same_pointer and same_artifact:
            return Outcome(pointer.path, "clean", pointer)
        if same_artifact:
            return self._materialise(space, pointer)
        return self._changed(space, pointer, entry, status, same_pointer)

    def _absent(self, space: Workspace, pointer: Pointer, same_pointer: bool) -> Outcome:
        if pointer.oid is None or (same_pointer and not self.event.restore):
            return Outcome(pointer.path, "absent", pointer)
        return self._materialise(space, pointer)

    def _same(self, space: Workspace, path: str, entry: Entry, status: os.stat_result) -> bool:
        """Whether the artifact's signatures are those of the base, and not racy."""
        if stat.S_ISDIR(status.st_mode) != entry.isdir:
            return False
        if not entry.isdir:
            sig = signature(status)
            return sig == entry.signature and newest(sig) < entry.checked
        tree, listing = self.index.read_tree(path, entry.oid), space.listing(path)
        agree = tree is not None and tree.listing.names == listing.names and tree.listing.numbers == listing.numbers
        return agree and listing.newest < entry.checked

    def _changed(
        self, space: Workspace, pointer: Pointer, entry: Entry | None, status: os.stat_result, same_pointer: bool
    ) -> Outcome:
        """The artifact is not known to hold its base: read it, which also puts it into the cache."""
        files = self._files_to_read(space, pointer.path, status)
        size = sum(count for _, count, _ in files)
        refused = self._refuse_reading(pointer, files, size)
        if refused:
            return refused
        self.progress.grow(size)
        isdir = stat.S_ISDIR(status.st_mode)
        taken = take_directory(space, pointer.path) if isdir else take_file(space, pointer.path)
        content = taken.content
        if (content.oid, content.isexec) == (pointer.oid, pointer.isexec):
            self._set(pointer.path, taken)
            return Outcome(pointer.path, "clean" if same_pointer else "adopted", pointer)
        if entry is not None and (content.oid, content.isexec) == (entry.oid, entry.isexec):
            self._set(pointer.path, taken)
            return self._materialise(space, pointer)
        if same_pointer or pointer.oid is None or (entry is None and not self.event.follow):
            return self._snapshot(space, pointer, taken)
        return self._conflict(space, pointer, taken)

    def _refuse_reading(self, pointer: Pointer, files: list[tuple[Path, int, int]], size: int) -> Outcome | None:
        """A background query leaves alone what is too large for it, or open for writing."""
        if self.budget is not None:
            if size > self.budget:
                error = CPVError(
                    f"not looked at: {size} bytes to hash are over the status budget of {self.event.budget}",
                    where=pointer.path,
                    fix="dvc cpv sync, or raise hash_budget in [status] of .cpv.toml",
                )
                return Outcome(pointer.path, "over budget", pointer, error)
            self.budget -= size
        recent = time.time_ns() - _FLUX_WINDOW
        if not self.event.patient and any(moment > recent and being_written(path) for path, _, moment in files):
            return Outcome(pointer.path, "in flux", pointer)
        return None

    def _files_to_read(self, space: Workspace, path: str, status: os.stat_result) -> list[tuple[Path, int, int]]:
        """The files that a snapshot would read: path, bytes, time of the last change (ns)."""
        target = space.target(path)
        if not stat.S_ISDIR(status.st_mode):
            return [(target, status.st_size, status.st_mtime_ns)]
        entry = self.index.entries.get(path)
        listing = space.listing(path)
        known = known_oids(
            listing, self.index.read_tree(path, entry.oid) if entry else None, entry.checked if entry else 0
        )
        unknown = (position for position, oid in enumerate(known) if oid is None)
        return [(target / listing.names[at], listing.signature(at)[0], listing.signature(at)[1]) for at in unknown]

    def _set(self, path: str, held: Taken | Placed) -> None:
        if held.tree is not None:
            self.index.write_tree(path, held.entry.oid, held.tree)
        self.index.set(path, held.entry)

    def _snapshot(self, space: Workspace, pointer: Pointer, taken: Taken) -> Outcome:
        if not pointer.writable:
            return Outcome(pointer.path, "modified", pointer)
        write_pointer(self.repo, space.project, pointer, taken.content)
        self._set(pointer.path, taken)
        return Outcome(pointer.path, "snapshot", pointer)

    def _conflict(self, space: Workspace, pointer: Pointer, taken: Taken) -> Outcome:
        content = taken.content
        rescue = record(self.repo, pointer.path, content, why=self.event.name)
        if not self.event.follow:
            error = CPVError(
                "pointer and artifact both changed, differently",
                where=pointer.path,
                fix=f"dvc add {pointer.path} (keeps the artifact) or dvc checkout -f {pointer.file} (the pointer's)",
            )
            return Outcome(pointer.path, "conflict", pointer, error)
        self._set(pointer.path, taken)
        outcome = self._materialise(space, pointer)
        if outcome.state != "materialised":
            return outcome
        error = CPVError(
            f"had unsaved content, which is kept as rescue {rescue.number}",
            where=pointer.path,
            fix=f"dvc cpv rescue restore {rescue.number}",
        )
        return Outcome(pointer.path, "rescued", pointer, error)

    def _materialise(self, space: Workspace, pointer: Pointer) -> Outcome:
        """Bring the pointer's content; what stands there now is the base (or nothing), and is made safe first."""
        if pointer.oid is None:
            return Outcome(pointer.path, "absent", pointer)
        if self.event.fetch:
            self._fetch(space, pointer)
        current = self._make_safe(space, pointer)
        placed = place_directory(space, pointer, current) if pointer.isdir else place_file(space, pointer)
        self._set(pointer.path, placed)
        return Outcome(pointer.path, "materialised", pointer)

    def _fetch(self, space: Workspace, pointer: Pointer) -> None:
        assert pointer.oid is not None
        if _lacking(space, pointer):
            from cpv_hooks.publish import fetch_pointer

            fetch_pointer(space.project, pointer)

    def _make_safe(self, space: Workspace, pointer: Pointer) -> dict[str, str]:
        """Invariant 1: everything that is about to go is in the cache, right and durable. Returns what stands there."""
        path = pointer.path
        entry, status = self.index.entries.get(path), space.status(path)
        if entry is None or status is None:
            return {}
        needed(pointer, space.cache)  # raises before anything is touched where the new content cannot come
        target = space.target(path)
        if not entry.isdir:
            _ensure(space, entry.oid, target)
            return {}
        tree = self.index.read_tree(path, entry.oid)
        assert tree is not None, "a directory is only called unchanged by comparing it with its tree"
        current = dict(zip(tree.listing.names, tree.oids, strict=True))
        kept = dict(needed(pointer, space.cache)) if pointer.isdir else {}
        for name, oid in current.items():
            if kept.get(name) != oid:
                _ensure(space, oid, target / name)
        if not pointer.isdir:
            remove_artifact(target, list(current))
        return current

    def _vanished(self, found: Found, projects: list[Project]) -> Iterable[Outcome]:
        """Artifacts whose pointer is gone from Git's index and from the disk."""
        for path in sorted(self.index.entries.keys() - found.paths):
            entry = self.index.entries[path]
            if found.deleted_by_user(path):
                continue
            if self.event.follow:
                yield self._remove(path, entry, projects)
            self.index.forget(path)

    def _remove(self, path: str, entry: Entry, projects: list[Project]) -> Outcome:
        """Git took the pointer away, so the artifact goes too, as a tracked file would; changed content stays."""
        space = self._space_for(path, projects)
        try:
            status = space.status(path)
            if status is None:
                return Outcome(path, "removed")
            if not self._same(space, path, entry, status):
                error = CPVError(
                    "is no longer tracked here and has unsaved content, so it stays", where=path, fix=f"mv {path} away"
                )
                return Outcome(path, "clean", error=error)
            target = space.target(path)
            tree = self.index.read_tree(path, entry.oid) if entry.isdir else None
            for name, oid in zip(tree.listing.names, tree.oids, strict=True) if tree else [("", entry.oid)]:
                _ensure(space, oid, target / name if name else target)
            remove_artifact(target, tree.listing.names if tree else None)
        except CPVError as error:
            return Outcome(path, "clean", error=error)
        return Outcome(path, "removed")

    def _space_for(self, path: str, projects: list[Project]) -> Workspace:
        """The DVC root that held an artifact; it may be gone in this version, but its cache is where it was."""
        owner = max((p for p in projects if p.holds(path)), key=lambda p: len(p.prefix), default=None)
        if owner is None:
            roots = fastpath.known_roots(self.repo)
            root = next(
                (r for r in sorted(roots, reverse=True) if (self.repo.top / path).is_relative_to(r)), self.repo.top
            )
            owner = Project.open(self.repo, root)
        return Workspace(owner, self.index, self.clock)


def _lacking(space: Workspace, pointer: Pointer) -> bool:
    try:
        return any(space.cache.find(oid) is None for _, oid in needed(pointer, space.cache))
    except MissingObject:
        return True


def _ensure(space: Workspace, oid: str, target: Path) -> None:
    """Invariant 1 for one file."""
    if not is_safe(space.cache, space.index, oid):
        held, _ = space.cache.add_file(target)
        if held != oid:
            raise CPVError("changed while it was being replaced", where=str(target), fix="repeat the command")
    space.cache.sync(oid)


def write_pointer(repo: Repo, project: Project, pointer: Pointer, content: Content) -> None:
    """Write the pointer file for new content, and keep the artifact out of Git."""
    file = repo.top / pointer.file
    old = file.read_text(encoding="utf-8") if file.exists() else None
    write_atomic(file, render(old, pointer, content).encode("utf-8"))
    if old is None:
        from cpv_hooks.gitignore import ignore

        ignore(repo, pointer.path)
