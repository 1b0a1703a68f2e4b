"""Brings pointer and artifact into agreement where they differ: snapshot, materialise, conflict."""

from __future__ import annotations

import time
from collections.abc import Callable

from cpv_hooks.console.output import size_text
from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.dvcformat.pointer_writer import render_pointer
from cpv_hooks.errors import CPVError, disk_errors, file_word
from cpv_hooks.git.gitignore import ignore
from cpv_hooks.sync.bring import bring, set_base, set_base_under_way
from cpv_hooks.sync.outcomes import Listener, Outcome
from cpv_hooks.sync.placement import is_half_placed
from cpv_hooks.sync.sync_policy import SYNC, SyncPolicy
from cpv_hooks.sync.wanted_content import names_the_part_here, with_absent
from cpv_hooks.system.atomic_files import write_atomic
from cpv_hooks.worktree import folder_links
from cpv_hooks.worktree.artifact import Artifact, UnreadFiles
from cpv_hooks.worktree.base_index import BaseEntry, Index
from cpv_hooks.worktree.current_content import current_content
from cpv_hooks.worktree.rescue_list import record
from cpv_hooks.worktree.snapshot import Snapshot
from cpv_hooks.worktree.workspace import Workspace

_FLUX_WINDOW = 10 * 1_000_000_000  # ns: an open file that was quiet for longer is a log between two lines


class Settle:
    """Acts where the rule says so, as far as an policy allows. `again` applies the rule anew to an artifact."""

    def __init__(
        self,
        policy: SyncPolicy,
        index: Index,
        progress: Progress,
        taken: Listener,
        again: Callable[[Workspace, Pointer], Outcome],
    ) -> None:
        self.policy = policy
        self.index = index
        self.progress = progress
        self.taken = taken
        self._again = again
        self._budget = policy.budget
        """What is left of it, in bytes."""

    def changed(self, artifact: Artifact, pointer: Pointer, same_pointer: bool) -> Outcome:
        """The artifact is not known to hold its base: read it, which also puts it into the cache."""
        space, entry, taken = artifact.space, artifact.entry, None
        artifact = with_absent(self.policy, artifact, pointer)
        try:
            files = artifact.unread()
            refused = self._refuse_reading(pointer, files)
            if refused:
                return refused
            self.progress.grow(files.size)
            taken = current_content(artifact, pointer, entry)
        finally:
            if taken is None and entry is None:
                self.index.forget(pointer.path)
        content = taken.content
        if entry is not None and content.named != entry.named and space.project.makes_links:
            from cpv_hooks.worktree.written_through import distrust_overwritten

            distrust_overwritten(artifact, taken)
        if names_the_part_here(self.policy, space, pointer, taken):
            return self._snapshot(space, pointer, taken, files)
        if content.named == pointer.named:
            set_base(self.index, pointer.path, taken)
            if same_pointer:
                return self._with_rest(space, Outcome(pointer.path, "clean", pointer), taken)
            # As after `dvc add`.
            outcome = Outcome(pointer.path, "adopted", pointer, opened=self._note_open(space, pointer, files))
            return self._with_rest(space, outcome, taken)
        if entry is not None and content.named == entry.named:
            set_base(self.index, pointer.path, taken)
            return self.materialise(Artifact.at(space, pointer.path), pointer)
        if same_pointer or pointer.oid is None or (entry is None and not self.policy.follow):
            return self._with_rest(space, self._snapshot(space, pointer, taken, files), taken)
        return self._conflict(space, pointer, taken, entry)

    def _with_rest(self, space: Workspace, outcome: Outcome, taken: Snapshot) -> Outcome:
        """Bring what was left out, too, where somebody asks for it; what stands there was saved just now."""
        pointer, content = outcome.pointer, taken.content
        if outcome.state == "modified" or pointer is None or not (taken.entry.left_out and self.policy.complete):
            return outcome
        whole = pointer._replace(oid=content.oid, size=content.size, nfiles=content.nfiles)
        rest = self.materialise(Artifact.at(space, pointer.path), whole)
        return outcome if outcome.state == "snapshot" else rest

    def _refuse_reading(self, pointer: Pointer, files: UnreadFiles) -> Outcome | None:
        """A background query leaves alone what is too large for it, or open for writing."""
        size = files.size
        if self._budget is not None:
            if size > self._budget:
                error = CPVError(
                    f"skipped: {size_text(size)} to hash exceed hash_budget ({size_text(self.policy.budget or 0)})",
                    where=pointer.path,
                    fix="dvc cpv sync, or raise hash_budget in [status] of .cpv.toml",
                )
                return Outcome(pointer.path, "over budget", pointer, error)
            self._budget -= size
        recent = time.time_ns() - _FLUX_WINDOW
        if not self.policy.patient:
            from cpv_hooks.system.open_files import being_written

            if any(being_written(path) for path in files.paths(recent)):
                return Outcome(pointer.path, "in flux", pointer)
        return None

    def _snapshot(self, space: Workspace, pointer: Pointer, taken: Snapshot, files: UnreadFiles) -> Outcome:
        if not pointer.writable or (self.policy.only is not None and pointer.file not in self.policy.only):
            return Outcome(pointer.path, "modified", pointer, self._not_taken(pointer))
        _write_pointer(space, pointer, taken)
        set_base(self.index, pointer.path, taken)
        self.taken(
            space.project,
            pointer._replace(oid=taken.content.oid, size=taken.content.size, legacy=False),
            files.size,
        )
        return Outcome(pointer.path, "snapshot", pointer, opened=self._note_open(space, pointer, files))

    def _note_open(self, space: Workspace, pointer: Pointer, files: UnreadFiles) -> tuple[str, ...]:
        from cpv_hooks.sync.files_in_use import note_open_files

        return note_open_files(space, pointer.path, files.paths())

    def _not_taken(self, pointer: Pointer) -> CPVError | None:
        """What a commit says of an import that was edited: nothing else would."""
        if not pointer.imported or not (self.policy.committing or self.policy.name == SYNC.name):
            return None
        what = "was imported and has changed; no commit takes that"
        fix = f"dvc commit -f {file_word(pointer.file)} (keeps it) or dvc update {file_word(pointer.file)}"
        return CPVError(what, where=pointer.path, fix=fix)

    def _conflict(self, space: Workspace, pointer: Pointer, taken: Snapshot, entry: BaseEntry | None) -> Outcome:
        if entry is None and taken.content.nfiles == 0:
            # A folder without a file holds nothing that could be lost.
            set_base(self.index, pointer.path, taken)
            return self.materialise(Artifact.at(space, pointer.path), pointer)
        rescue = record(space.project.repo, pointer.path, taken.content, why=self.policy.name)
        if not self.policy.follow:
            error = CPVError(
                "pointer and artifact both changed (conflict)",
                where=pointer.path,
                fix=(
                    f"dvc add {file_word(pointer.path)} (keeps the artifact) "
                    f"or dvc checkout -f {file_word(pointer.file)} (the pointer's)"
                ),
            )
            return Outcome(pointer.path, "conflict", pointer, error)
        set_base(self.index, pointer.path, taken)
        outcome = self.materialise(Artifact.at(space, pointer.path), pointer)
        if outcome.state != "materialised":
            return outcome
        error = CPVError(
            f"had unsaved content, which is kept as rescue {rescue.number}",
            where=pointer.path,
            fix=f"dvc cpv rescue restore {rescue.number}",
        )
        return Outcome(pointer.path, "rescued", pointer, error)

    def materialise(self, artifact: Artifact, pointer: Pointer) -> Outcome:
        return bring(self.policy, self.index, artifact, pointer)

    def resume(self, artifact: Artifact, pointer: Pointer, placing: str) -> Outcome:
        """What brought or removed it was stopped half-way: finish, and rescue only what came from neither version."""
        space, path = artifact.space, artifact.path
        if artifact.status is None:
            self.index.forget(path)
            return self._again(space, pointer)
        if artifact.isdir:
            folder_links.set_links_aside(space, path)
        refused = self._refuse_reading(pointer, artifact.unread())
        if refused:
            return refused
        taken = current_content(artifact, pointer)
        if taken.content.named == pointer.named:
            set_base(self.index, path, taken)
            return Outcome(path, "adopted", pointer)
        if not is_half_placed(artifact, taken, placing):
            if not artifact.isdir:
                # The user has put a file in its place since.
                self.index.forget(path)
                return self._again(space, pointer)
            record(space.project.repo, path, taken.content, why="was there when a checkout was stopped half-way")
        set_base_under_way(self.index, path, taken, artifact.entry)
        return self.materialise(Artifact.at(space, path), pointer)


def _write_pointer(space: Workspace, pointer: Pointer, taken: Snapshot) -> None:
    """Write the pointer file for new content, and keep a new artifact out of Git."""
    repo = space.project.repo
    file = repo.top / pointer.file
    old = file.read_text(encoding="utf-8") if file.exists() else None
    with disk_errors(file):
        write_atomic(
            file, render_pointer(old, pointer, taken.content, taken.files if pointer.stored else None).encode("utf-8")
        )
    if old is None:
        from cpv_hooks.project import registered_models

        ignore(repo, pointer.path)
        registered_models.note_new_model(space.project, pointer.path)
