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

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError, Unreadable, disk_error
from cpv_hooks.sync.outcomes import Listener, Outcome, State, nobody
from cpv_hooks.sync.sync_policy import SyncPolicy
from cpv_hooks.worktree.artifact import Artifact
from cpv_hooks.worktree.base_index import Index
from cpv_hooks.worktree.known_files import BeingWritten
from cpv_hooks.worktree.workspace import MissingFromCache, Workspace

if TYPE_CHECKING:
    from cpv_hooks.sync.settle import Settle


class Reconciler:
    """Applies the rule, as far as a policy allows."""

    def __init__(self, policy: SyncPolicy, index: Index, progress: Progress, taken: Listener = nobody) -> None:
        self.policy = policy
        self.index = index
        self.progress = progress
        self.taken = taken

    @cached_property
    def _settle(self) -> Settle:
        """What brings the two sides into agreement; imported where they differ."""
        from cpv_hooks.sync.settle import Settle

        return Settle(self.policy, self.index, self.progress, self.taken, self._reconcile)

    def reconcile(self, space: Workspace, pointer: Pointer) -> Outcome:
        """One artifact; its failure is an outcome, so that the others are still done."""
        try:
            return self._reconcile(space, pointer)
        except BeingWritten as error:
            return Outcome(pointer.path, "in flux", pointer, error if self.policy.patient else None)
        except MissingFromCache as error:
            from cpv_hooks.sync.gone_data import went_with_a_version

            said = error.after_a_fetch() if self.policy.fetch else error
            return went_with_a_version(self.policy, space, pointer) or Outcome(pointer.path, "missing", pointer, said)
        except CPVError as error:
            state: State = "unreadable" if isinstance(error, Unreadable) else "invalid"
            return Outcome(pointer.path, state, pointer, error)
        except OSError as error:
            where = Path(error.filename or space.project.repo.top / pointer.path)
            return Outcome(pointer.path, "unreadable", pointer, disk_error(error, where))

    def _reconcile(self, space: Workspace, pointer: Pointer) -> Outcome:
        entry = space.index.entries.get(pointer.path)
        same_pointer = entry is not None and entry.named == pointer.named
        # What Git did not change is at most read; an explicit `dvc cpv sync` compares every file.
        artifact = Artifact.at(space, pointer.path, by_ctime=same_pointer and not self.policy.thorough)
        if entry is not None and entry.placing is not None:
            return self._settle.resume(artifact, pointer, entry.placing)
        left_out = same_pointer and entry is not None and entry.left_out
        if artifact.status is None:
            if left_out and not self._asks(space):
                return Outcome(pointer.path, "left out", pointer)
            if pointer.oid is None or (same_pointer and not self.policy.restore):
                return Outcome(pointer.path, "absent", pointer)
            return self._settle.materialise(artifact, pointer)
        # What is here may have got a new name by `dvc add`, which knows nothing of the rest.
        renamed = not same_pointer and artifact.isdir and entry is not None and entry.left_out
        if artifact.same and (self.policy.follow or not renamed):
            if not same_pointer or (left_out and self._asks(space)):
                return self._settle.materialise(artifact, pointer)
            if pointer.path not in self.index.opened:
                return Outcome(pointer.path, "clean", pointer)
            from cpv_hooks.sync.files_in_use import still_open

            return Outcome(pointer.path, "clean", pointer, opened=still_open(space, pointer.path))
        return self._settle.changed(artifact, pointer, same_pointer)

    def _asks(self, space: Workspace) -> bool:
        """Whether what was left out may be brought now."""
        return (self.policy.fetch or self.policy.complete) and space.choice.asks

    def save(self, space: Workspace, pointer: Pointer) -> list[Outcome]:
        """An artifact that Git is about to remove with its pointer; what is nowhere else is rescued."""
        from cpv_hooks.sync.pointer_removed import save_content

        try:
            return save_content(self.policy, self.index, Artifact.at(space, pointer.path), pointer)
        except CPVError as error:
            return [Outcome(pointer.path, "invalid", error=error)]
        except OSError as error:
            where = Path(error.filename or space.project.repo.top / pointer.path)
            return [Outcome(pointer.path, "invalid", error=disk_error(error, where))]

    def remove(self, space: Workspace, path: str) -> Outcome:
        """Git took the pointer away, so the artifact goes too, as a tracked file would; changed content stays."""
        from cpv_hooks.sync.pointer_removed import follow_removal

        try:
            return follow_removal(self.policy, self.index, Artifact.at(space, path))
        except CPVError as error:
            return Outcome(path, "invalid", error=error)
        except OSError as error:
            where = Path(error.filename or space.project.repo.top / path)
            return Outcome(path, "invalid", error=disk_error(error, where))
