"""The three-way rule for one artifact: pointer, artifact and base brought into agreement.

pointer vs base | artifact vs base           | so
same            | same                       | nothing
same            | changed                    | snapshot
changed         | same                       | materialise
changed         | changed, equal content     | move the base
changed         | changed, different content | conflict: rescue the artifact's content, then say so, or materialise
                                               where Git has just changed the pointer
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.dvcformat.pointer_writer import render
from cpv_hooks.errors import CPVError, disk_error
from cpv_hooks.git.gitignore import ignore
from cpv_hooks.sync.events import Event
from cpv_hooks.sync.outcomes import Listener, Outcome, State, nobody
from cpv_hooks.system.atomic_files import write_atomic
from cpv_hooks.system.signatures import being_written
from cpv_hooks.worktree.artifact import Artifact
from cpv_hooks.worktree.base_index import Entry, Index
from cpv_hooks.worktree.materialise import MissingObject, Placed, needed, place_directory, place_file
from cpv_hooks.worktree.removal import remove_artifact
from cpv_hooks.worktree.rescue_list import record
from cpv_hooks.worktree.snapshot import BeingWritten, Taken, take_directory, take_file
from cpv_hooks.worktree.verified_in_cache import keep
from cpv_hooks.worktree.workspace import Workspace

_FLUX_WINDOW = 10 * 1_000_000_000  # ns: an open file that was quiet for longer is a log between two lines


class Reconciler:
    """Applies the rule, as far as an event allows. `budget` is what is left of the event's, in bytes."""

    def __init__(self, event: Event, index: Index, progress: Progress, taken: Listener = nobody) -> None:
        self.event = event
        self.index = index
        self.progress = progress
        self.budget = event.budget
        self.taken = taken

    def reconcile(self, space: Workspace, pointer: Pointer) -> Outcome:
        """One artifact; its failure is an outcome, so that the others are still done."""
        try:
            return self._reconcile(space, pointer)
        except BeingWritten as error:
            return Outcome(pointer.path, "in flux", pointer, error if self.event.patient else None)
        except MissingObject as error:
            return Outcome(pointer.path, "missing", pointer, error)
        except CPVError as error:
            return Outcome(pointer.path, "invalid", pointer, error)
        except OSError as error:
            return Outcome(pointer.path, "invalid", pointer, disk_error(error, Path(error.filename or pointer.path)))

    def _reconcile(self, space: Workspace, pointer: Pointer) -> Outcome:
        entry = space.index.entries.get(pointer.path)
        same_pointer = entry is not None and (entry.oid, entry.isexec) == (pointer.oid, pointer.isexec)
        # What Git did not change is at most read; and who asks by hand gets a whole look.
        artifact = Artifact.at(space, pointer.path, by_ctime=same_pointer and not self.event.thorough)
        if entry is not None and entry.placing is not None:
            return self._resume(artifact, pointer, entry.placing)
        if artifact.status is None:
            if pointer.oid is None or (same_pointer and not self.event.restore):
                return Outcome(pointer.path, "absent", pointer)
            return self._materialise(artifact, pointer)
        if artifact.same:
            return Outcome(pointer.path, "clean", pointer) if same_pointer else self._materialise(artifact, pointer)
        return self._changed(artifact, pointer, same_pointer)

    def _changed(self, artifact: Artifact, pointer: Pointer, same_pointer: bool) -> Outcome:
        """The artifact is not known to hold its base: read it, which also puts it into the cache."""
        files = artifact.unread()
        refused = self._refuse_reading(pointer, files)
        if refused:
            return refused
        size = sum(count for _, count, _ in files)
        self.progress.grow(size)
        space, entry = artifact.space, artifact.entry
        taken = take_directory(space, pointer.path, artifact.look) if artifact.isdir else take_file(space, pointer.path)
        content = taken.content
        if (content.oid, content.isexec) == (pointer.oid, pointer.isexec):
            self._set(pointer.path, taken)
            return Outcome(pointer.path, "clean" if same_pointer else "adopted", pointer)
        if entry is not None and (content.oid, content.isexec) == (entry.oid, entry.isexec):
            self._set(pointer.path, taken)
            return self._materialise(Artifact.at(space, pointer.path), pointer)
        if same_pointer or pointer.oid is None or (entry is None and not self.event.follow):
            return self._snapshot(space, pointer, taken, size)
        return self._conflict(space, pointer, taken)

    def _refuse_reading(self, pointer: Pointer, files: list[tuple[Path, int, int]]) -> Outcome | None:
        """A background query leaves alone what is too large for it, or open for writing."""
        size = sum(count for _, count, _ in files)
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

    def _set(self, path: str, held: Taken | Placed) -> None:
        if held.tree is not None:
            self.index.write_tree(path, held.entry.oid, held.tree)
        self.index.set(path, held.entry)

    def _snapshot(self, space: Workspace, pointer: Pointer, taken: Taken, size: int) -> Outcome:
        if not pointer.writable or (self.event.only is not None and pointer.file not in self.event.only):
            return Outcome(pointer.path, "modified", pointer)
        _write_pointer(space, pointer, taken)
        self._set(pointer.path, taken)
        self.taken(space.project, replace(pointer, oid=taken.content.oid, size=taken.content.size), size)
        return Outcome(pointer.path, "snapshot", pointer)

    def _conflict(self, space: Workspace, pointer: Pointer, taken: Taken) -> Outcome:
        rescue = record(space.project.repo, pointer.path, taken.content, why=self.event.name)
        if not self.event.follow:
            error = CPVError(
                "pointer and artifact both changed, differently",
                where=pointer.path,
                fix=f"dvc add {pointer.path} (keeps the artifact) or dvc checkout -f {pointer.file} (the pointer's)",
            )
            return Outcome(pointer.path, "conflict", pointer, error)
        self._set(pointer.path, taken)
        outcome = self._materialise(Artifact.at(space, pointer.path), pointer)
        if outcome.state != "materialised":
            return outcome
        error = CPVError(
            f"had unsaved content, which is kept as rescue {rescue.number}",
            where=pointer.path,
            fix=f"dvc cpv rescue restore {rescue.number}",
        )
        return Outcome(pointer.path, "rescued", pointer, error)

    def _materialise(self, artifact: Artifact, pointer: Pointer) -> Outcome:
        """Bring the pointer's content; what stands there now is the base (or nothing), and is made safe first."""
        if pointer.oid is None:
            return Outcome(pointer.path, "absent", pointer)
        space = artifact.space
        if self.event.fetch and _lacking(space, pointer):
            from cpv_hooks.transfer.commits.upload_commits import fetch_pointer

            fetch_pointer(space.project, pointer)
        current = self._make_safe(artifact, pointer)
        if pointer.isdir:
            base = artifact.entry or Entry(pointer.oid)
            self.index.set(pointer.path, replace(base, placing=pointer.oid))
            self.index.save()
        placed = place_directory(space, pointer, current) if pointer.isdir else place_file(space, pointer)
        self._set(pointer.path, placed)
        return Outcome(pointer.path, "materialised", pointer)

    def _resume(self, artifact: Artifact, pointer: Pointer, placing: str) -> Outcome:
        """A process was killed while it brought a folder: finish, and rescue only what came from neither version."""
        space, path, entry = artifact.space, artifact.path, artifact.entry
        if not artifact.isdir:
            # Nothing of it stands there, or the user has put a file in its place since.
            self.index.forget(path)
            return self._reconcile(space, pointer)
        old = artifact.tree
        ours = set(zip(old.listing.names, old.oids, strict=True)) if old else set()
        half = Pointer(file=pointer.file, path=path, oid=placing)
        with suppress(CPVError):
            ours |= set(needed(half, space.cache))
        self.index.set(path, replace(entry or Entry(placing), placing=None, checked=0))
        taken = take_directory(space, path)
        self._set(path, taken)
        if taken.content.oid == pointer.oid:
            return Outcome(path, "adopted", pointer)
        found = set(zip(taken.tree.listing.names, taken.tree.oids, strict=True)) if taken.tree else set()
        if not found <= ours:
            record(space.project.repo, path, taken.content, why="killed while it was brought")
        return self._materialise(Artifact.at(space, path), pointer)

    def _make_safe(self, artifact: Artifact, pointer: Pointer) -> dict[str, str]:
        """Keep everything that is about to go. Returns what stands there: relative path -> md5, for a directory."""
        if artifact.entry is None or artifact.status is None:
            return {}
        space, target = artifact.space, artifact.space.target(artifact.path)
        wanted = dict(needed(pointer, space.cache))  # raises before anything is touched, where it cannot come
        if not artifact.entry.isdir:
            keep(space, [(artifact.entry.oid, target)])
            return {}
        if artifact.tree is None:
            raise CPVError("changed while it was being looked at", where=artifact.path, fix="dvc cpv sync")
        current = dict(zip(artifact.tree.listing.names, artifact.tree.oids, strict=True))
        going = ((oid, name) for name, oid in current.items() if not pointer.isdir or wanted.get(name) != oid)
        keep(space, ((oid, target / name) for oid, name in going))
        if not pointer.isdir:
            remove_artifact(target, list(current))
        return current

    def remove(self, space: Workspace, path: str) -> Outcome:
        """Git took the pointer away, so the artifact goes too, as a tracked file would; changed content stays."""
        try:
            return Outcome(path, *self._remove(Artifact.at(space, path)))
        except CPVError as error:
            return Outcome(path, "clean", error=error)

    def _remove(self, artifact: Artifact) -> tuple[State, None, CPVError | None]:
        if artifact.status is None or artifact.entry is None:
            return "removed", None, None
        if not artifact.same:
            what = "is no longer tracked here and has unsaved content, so it stays"
            return "clean", None, CPVError(what, where=artifact.path, fix=f"mv {artifact.path} to another place")
        space, target, tree = artifact.space, artifact.space.target(artifact.path), artifact.tree
        names = list(zip(tree.listing.names, tree.oids, strict=True)) if tree else [("", artifact.entry.oid)]
        keep(space, ((oid, target / name if name else target) for name, oid in names))
        remove_artifact(target, [name for name, _ in names] if tree else None)
        return "removed", None, None


def _lacking(space: Workspace, pointer: Pointer) -> bool:
    try:
        return any(not space.cache.has(oid) for _, oid in needed(pointer, space.cache))
    except MissingObject:
        return True


def _write_pointer(space: Workspace, pointer: Pointer, taken: Taken) -> None:
    """Write the pointer file for new content, and keep a new artifact out of Git."""
    repo = space.project.repo
    file = repo.top / pointer.file
    old = file.read_text(encoding="utf-8") if file.exists() else None
    try:
        write_atomic(file, render(old, pointer, taken.content, taken.files if pointer.stored else None).encode("utf-8"))
    except OSError as error:
        raise disk_error(error, file) from error
    if old is None:
        ignore(repo, pointer.path)
