"""An artifact as it stands in the work tree, beside what it was when it last agreed with its pointer."""

from __future__ import annotations

import os
import stat
from array import array
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cpv_hooks import state_files
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.columns import NameColumn
from cpv_hooks.system.signatures import FolderListing, newest_time, signature, stamp
from cpv_hooks.worktree.base_index import BaseEntry
from cpv_hooks.worktree.known_files import KnownFiles, Look, absent_at_base, known_oids
from cpv_hooks.worktree.workspace import Workspace

if TYPE_CHECKING:
    from cpv_hooks.worktree.base_tree import Tree

_BY_CTIME_FROM = 5000
"""Files of a directory from which `find` is sooner done than Python."""


class Artifact:
    """An artifact as it stands in the work tree, beside its base. What costs a look is looked at once."""

    def __init__(
        self, space: Workspace, path: str, status: os.stat_result | None, entry: BaseEntry | None, by_ctime: bool
    ) -> None:
        self.space = space
        self.path = path
        self.status = status
        self.entry = entry
        self.by_ctime = by_ctime

    @classmethod
    def at(cls, space: Workspace, path: str, *, by_ctime: bool = False) -> Artifact:
        """Look at an artifact; `CPVError` for one that lies outside the repository.

        `by_ctime`: of a large directory only what has a newer ctime than its base, which a clock that was set back
        can hide. Not for what is about to be overwritten.
        """
        return cls(space, path, space.status(path), space.index.entries.get(path), by_ctime)

    @property
    def isdir(self) -> bool:
        return self.status is not None and stat.S_ISDIR(self.status.st_mode)

    @cached_property
    def _listed(self) -> tuple[FolderListing, int]:
        before = self.space.clock.now()
        return self._listed_again(before) or self.space.listing(self.path), before

    def _listed_again(self, now: int) -> FolderListing | None:
        entry, index, target = self.entry, self.space.index, self.space.target(self.path)
        if not (self.by_ctime and entry and entry.plain and 0 < entry.checked <= now and self.status):
            return None
        files = index.files_about(self.path)
        if files < _BY_CTIME_FROM or not self.space.is_plain(self.path):
            return None
        from cpv_hooks.dvcformat.dvcignore import builtin_filter
        from cpv_hooks.system.find_newer import Newer, list_again
        from cpv_hooks.system.network_disks import remembered

        since = index.folder / state_files.SINCE
        stamp(since, entry.checked - remembered(target))
        if since.stat().st_dev != self.status.st_dev:
            return None  # another disk may have another clock
        newer = Newer(target, files, since)
        tree, paths = self.tree, newer.paths()
        return list_again(target, tree.listing, paths, builtin_filter) if tree and paths is not None else None

    @property
    def listing(self) -> FolderListing:
        return self._listed[0]

    @cached_property
    def look(self) -> Look:
        """The files of the directory, and what its base says of each."""
        return Look(*self._listed, self.known(legacy=False), absent_at_base(self.space, self.path, self.listing))

    def known(self, *, legacy: bool) -> KnownFiles:
        """The hash of each file of the directory, by this rule, where its base says it."""
        entry = self.entry
        tree = self.tree if entry is not None and entry.legacy == legacy else None
        return known_oids(self.listing, tree, entry.checked if entry else 0)

    @cached_property
    def tree(self) -> Tree | None:
        """The files of the directory at its base."""
        return self.space.index.read_tree(self.path, self.entry.oid) if self.entry and self.entry.isdir else None

    @cached_property
    def same(self) -> bool:
        """Whether its signatures are those of the base, and not racy."""
        if self.status is None or self.entry is None or self.isdir != self.entry.isdir:
            return False
        if not self.isdir:
            sig = signature(self.status)
            return sig == self.entry.signature and newest_time(sig) < self.entry.checked
        if self.tree is None:
            return False
        return self.tree.listing == self.listing and self.listing.newest < self.entry.checked

    def unread(self) -> UnreadFiles:
        """The files that a snapshot would read."""
        target = self.space.target(self.path)
        if self.status is None:
            return UnreadFiles(target, FolderListing(NameColumn.of([]), array("q")), range(0))
        if not self.isdir:
            return UnreadFiles(target, FolderListing(NameColumn.of([""]), array("q", signature(self.status))), range(1))
        return UnreadFiles(target, self.listing, self.look.known.unread)


class UnreadFiles(NamedTuple):
    """Files that a snapshot would read: those at some positions of a listing; of a file artifact it has one, without a
    name."""

    target: Path
    listing: FolderListing
    at: Sequence[int]

    @property
    def size(self) -> int:
        return sum(self.listing.signature(at)[0] for at in self.at)

    def paths(self, since: int = 0) -> Iterator[str]:
        """Where they are; those that were changed after a time (ns)."""
        for at, name in zip(self.at, self.listing.names.pick(self.at), strict=True):
            if self.listing.signature(at)[1] > since:
                yield f"{self.target}/{name}" if name else str(self.target)
