"""The state of one artifact, by stat signatures alone: compared with its pointer, its base and HEAD."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from functools import cached_property
from typing import Literal

from cpv_hooks.console.output import size_text
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project import retired
from cpv_hooks.project.config import Kind
from cpv_hooks.system.signatures import newest_time, signature
from cpv_hooks.transfer.objects.store import Store
from cpv_hooks.worktree.base_index import BaseEntry
from cpv_hooks.worktree.base_tree import Absent, Tree
from cpv_hooks.worktree.workspace import Workspace

State = Literal[
    "clean",
    "changed",
    "modified",
    "unchecked",
    "uncommitted",
    "new",
    "absent",
    "left out",
    "behind",
    "conflict",
    "deleted",
    "released",
    "broken",
]
MEANING: Mapping[State, str] = {
    "clean": "as committed",
    "changed": "changed since the last look; the next commit takes it",
    "modified": "changed, and no commit takes it (a stage's: dvc repro; an import's: dvc commit -f, or dvc update)",
    "unchecked": "not checked yet (dvc cpv sync does)",
    "uncommitted": "saved in the cache, not committed",
    "new": "not committed yet",
    "absent": "not in the work tree (dvc cpv sync brings it)",
    "left out": "left out of the work tree (dvc cpv sync PATH brings it)",
    "behind": "older than its pointer (dvc cpv sync updates it)",
    "conflict": "pointer and artifact both changed (dvc cpv sync says what to do)",
    "deleted": "its pointer is gone from the work tree",
    "released": "no longer versioned, although .cpv.toml names it",
    "broken": "cannot be read",
}
UNSAVED: frozenset[State] = frozenset({"changed", "modified", "uncommitted", "new", "behind", "conflict"})


class ArtifactStatus(NamedTuple):
    """One artifact. `size` is in bytes, as it stands in the work tree; `change` is what a person wants to know.

    `left_out` are files of a folder that is partly there, as was asked.
    """

    path: str
    kind: Kind
    state: State
    size: int | None = None
    nfiles: int | None = None
    oid: str | None = None
    committed_oid: str | None = None
    change: str | None = None
    left_out: int | None = None


class ArtifactLook:
    """One artifact, compared with its pointer, its base and HEAD."""

    def __init__(self, space: Workspace, pointer: Pointer, committed: Pointer | None) -> None:
        self.space, self.pointer, self.committed = space, pointer, committed
        self.entry: BaseEntry | None = space.index.entries.get(pointer.path)

    def status(self) -> ArtifactStatus:
        kind, path = self.space.project.kind_of(self.pointer.path), self.pointer.path
        oid, head = self.pointer.oid, self.committed.oid if self.committed else None
        try:
            standing = self.space.status(path)
            if standing is None:
                found = retired.retirement_of(self.space.project.repo, [self.pointer])
                size, nfiles, change = self.pointer.size, self.pointer.nfiles, str(found) if found else None
                state: State = "left out" if self._leaves_all and found is None else "absent"
                return ArtifactStatus(path, kind, state, size, nfiles, oid, head, change)
            isdir = stat.S_ISDIR(standing.st_mode)
            listing = self.space.listing(path) if isdir else None
            size, nfiles = (listing.size, len(listing)) if listing else (standing.st_size, None)
            same = self._same(standing.st_mode, signature(standing))
        except (CPVError, OSError) as error:
            reason = " ".join(str(error).split())
            return ArtifactStatus(path, kind, "broken", oid=oid, committed_oid=head, change=reason)
        state, absent = self._state(same), self._absent
        change = None if state in ("clean", "unchecked", "new") else self._change(state, size, absent)
        return ArtifactStatus(path, kind, state, size, nfiles, oid, head, change, len(absent.files) or None)

    @property
    def _leaves_all(self) -> bool:
        return self.entry is not None and self.entry.left_out and self.entry.named == self.pointer.named

    @property
    def _absent(self) -> Absent:
        tree = self._tree if self.entry is not None and self.entry.left_out else None
        return tree.absent if tree is not None else Absent()

    @cached_property
    def _tree(self) -> Tree | None:
        return self.space.index.read_tree(self.pointer.path, self.entry.oid) if self.entry is not None else None

    def _state(self, same: bool) -> State:
        pointer, entry = self.pointer, self.entry
        if entry is not None and pointer.oid is not None and _name(pointer) != _name(entry):
            return "behind" if same else "conflict"
        if not same and pointer.oid is not None:
            return "unchecked" if entry is None else "changed" if pointer.writable else "modified"
        if self.committed is None:
            return "new"
        as_committed = self.committed.named == pointer.named
        return "clean" if as_committed else "uncommitted"

    def _same(self, mode: int, sig: tuple[int, int, int, int]) -> bool:
        """Whether the artifact is what it was when it last agreed with its pointer, by its stat signature alone."""
        entry = self.entry
        if entry is None or stat.S_ISDIR(mode) != entry.isdir:
            return False
        if not entry.isdir:
            return sig == entry.signature and newest_time(sig) < entry.checked
        tree, listing = self._tree, self.space.listing(self.pointer.path)
        agree = tree is not None and (tree.listing.names, tree.listing.numbers) == (listing.names, listing.numbers)
        return agree and listing.newest < entry.checked

    def _change(self, state: State, here: int, absent: Absent) -> str | None:
        before = self.committed.size if self.committed else None
        size = None if absent.size is None else here + absent.size
        words = [self._files(state)]
        if before is not None and size is not None and before != size:
            words.append(f"{'+' if size > before else '-'}{size_text(abs(size - before))}")
        return ", ".join(word for word in words if word) or None

    def _files(self, state: State) -> str | None:
        """How many files of a directory differ, where that can be told without reading them."""
        path, entry = self.pointer.path, self.entry
        if state in ("changed", "modified") and entry and entry.isdir:
            tree, listing = self._tree, self.space.listing(path)
            if tree is None:
                return None
            old = {name: tree.listing.signature(at) for at, name in enumerate(tree.listing.names)}
            return _differences(old, {name: listing.signature(at) for at, name in enumerate(listing.names)})
        if state == "uncommitted" and self.committed and self.committed.isdir and self.pointer.isdir:
            return _differences(self._listed(self.committed), self._listed(self.pointer))
        return None

    def _listed(self, pointer: Pointer) -> dict[str, str] | None:
        listing = Store(self.space.project, legacy=pointer.legacy).cached_listing(pointer.oid or "")
        return dict(listing) if listing is not None else None


def _name(content: Pointer | BaseEntry) -> tuple[str | None, bool]:
    return content.oid, content.legacy


def _differences(old: Mapping[str, object] | None, new: Mapping[str, object] | None) -> str | None:
    if old is None or new is None:
        return None
    counts = {
        "added": len(new.keys() - old.keys()),
        "changed": sum(1 for name in new.keys() & old.keys() if new[name] != old[name]),
        "removed": len(old.keys() - new.keys()),
    }
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count) or None
