"""The artifacts of a version in the work tree: fetched before anything changes, then placed, the others removed."""

from __future__ import annotations

from collections.abc import Sequence

from cpv_hooks.console.output import size_text
from cpv_hooks.console.plan import Effect
from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.operations.download.fetch_content import ContentSource
from cpv_hooks.operations.download.version_content import Stock
from cpv_hooks.operations.make import place_content, work_tree
from cpv_hooks.operations.make.new_content import NewContent
from cpv_hooks.operations.make.work_tree import Tracked
from cpv_hooks.project.pointers_at import pointers_at
from cpv_hooks.recovery.transaction import Transaction
from cpv_hooks.worktree.workspace import Workspace


class Bringing(NamedTuple):
    """The artifacts of one DVC root: what a version has of it, and those of the work tree that it has not.

    Without `use_cache` all objects of the version are fetched anew. `leaves`: the version has more, which the rule of
    the clone leaves out, all or in part.
    """

    stock: Stock
    gone: tuple[Pointer, ...]
    why: str
    use_cache: bool = True
    leaves: bool = False

    def effects(self, tracked: Sequence[Tracked]) -> list[Effect]:
        """What it will change, artifact by artifact; what stands there as it should is not named."""
        found = ContentSource(self.stock).effects()
        here = {one.pointer.path: work_tree.read_content(one) for one in tracked}
        at_head = {pointer.path: pointer for pointer in pointers_at(self.stock.project, "HEAD")}
        for pointer in [*self.stock.pointers, *self.gone]:
            now = here.get(pointer.path) or self._standing(pointer)
            goal = None if pointer in self.gone else pointer.named
            if (now is None and goal is None) or (now is not None and now.content.named == goal):
                continue
            if now is not None:
                old = at_head.get(pointer.path)
                if old is None or (old.oid, old.legacy) != (now.content.oid, now.content.legacy):
                    found.append(Effect("dvc", f"keep the unsaved content of {pointer.path} (dvc cpv rescue list)"))
            size = size_text(pointer.size or 0)
            verb = "remove" if goal is None else "write"
            found.append(Effect("file", f"{verb} {pointer.path} ({size})"))
        return found

    def _standing(self, pointer: Pointer) -> NewContent | None:
        space = Workspace.open(self.stock.project)
        return work_tree.read_content(Tracked(space, pointer)) if space.status(pointer.path) else None

    def fetch(self) -> None:
        """Bring what the cache lacks; all of it, or a `CPVError`."""
        ContentSource(self.stock).bring(use_cache=self.use_cache)

    def place(self, transaction: Transaction, head: str) -> None:
        """Put the artifacts in their places, and take away those that the version has not."""
        project = self.stock.project
        at_head = {pointer.path: pointer for pointer in pointers_at(project, head)}
        with Progress("placing") as progress:
            space = Workspace.open(project, progress.advance)
            for pointer in self.gone:
                place_content.remove_content(transaction, space, pointer.path, at_head.get(pointer.path), self.why)
            for pointer in self.stock.pointers:
                progress.grow(pointer.size or 0)
                place_content.place_content(transaction, space, pointer, at_head.get(pointer.path), self.why)
