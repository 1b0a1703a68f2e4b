"""One DVC root at work: its cache, the index, the file system's clock, and paths that stay inside it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cpv_hooks import state_files
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError, Unreadable, file_word, shell_path
from cpv_hooks.project.project import Project
from cpv_hooks.system.own_files import link_above
from cpv_hooks.system.signatures import (
    NOT_CONTENT,
    Clock,
    Filter,
    FolderListing,
    list_directory,
    newest_time,
    signature,
)
from cpv_hooks.worktree.base_index import Index

if TYPE_CHECKING:
    from cpv_hooks.dvcformat.cache import Cache
    from cpv_hooks.project.fetch_choice import FetchChoice
    from cpv_hooks.project.fetch_rule import FetchRule
    from cpv_hooks.worktree.spread import Spread

_STAGING = ".dvc/tmp/cpv"
_OBJECT = re.compile(r"(files/md5/)?[0-9a-f]{2}/[0-9a-f]{30}")


class MissingFromCache(CPVError):
    """The cache lacks what a pointer names. `oids` are the missing objects."""

    def __init__(self, pointer: Pointer, oids: list[str]) -> None:
        self.pointer, self.oids = pointer, oids
        self.count = f"{len(oids)} objects, e.g. {oids[0]}" if len(oids) > 1 else f"object {oids[0]}"
        super().__init__(f"the cache lacks {self.count}", where=pointer.path, fix="dvc cpv sync")

    def after_a_fetch(self) -> CPVError:
        """The same where the remote was asked too."""
        what = f"neither the cache nor the remote has {self.count}"
        return CPVError(what, where=self.pointer.path, fix="dvc push in a clone that still has it, then dvc cpv sync")


def staging_folder(root: Path) -> Path | None:
    """Where temporary files of a DVC root's artifacts are; None behind a link, which may have come with a clone."""
    return None if link_above(root, f"{_STAGING}/") is not None else root / _STAGING


def _nothing(count: int) -> None:
    """Progress that nobody watches."""


class Workspace:
    """What snapshot and materialise work with.

    `grow` is told of bytes that will be written to the work tree, `advance` of bytes as they are read or written.
    """

    def __init__(
        self,
        project: Project,
        index: Index,
        clock: Clock,
        advance: Callable[[int], None] = _nothing,
        grow: Callable[[int], None] = _nothing,
    ) -> None:
        self.project = project
        self.index = index
        self.clock = clock
        self.advance = advance
        self.grow = grow
        self.spread: Spread | None = None
        """Where the work on large folders is spread over other machines."""
        self.asks = False
        """Whether what was left out is to be brought, as far as it is wanted by now."""
        self.asked: FetchRule | None = None
        """What a command names of it."""
        self._filters: dict[str, Filter] = {}

    @classmethod
    def open(cls, project: Project, advance: Callable[[int], None] = _nothing) -> Workspace:
        """With the base as it is on the disk."""
        state = project.repo.state
        return cls(project, Index.load(state), Clock(state / state_files.CLOCK), advance)

    @cached_property
    def choice(self) -> FetchChoice:
        from cpv_hooks.project.fetch_choice import FetchChoice

        choice = FetchChoice.of(self.project)
        return choice._replace(asks=choice.asks or self.asks, asked=self.asked)

    @cached_property
    def cache(self) -> Cache:
        """The DVC cache of this root."""
        from cpv_hooks.dvcformat.cache import Cache

        return Cache(self.project.cache_dir, types=self.project.cache_types, shared=self.project.cache_shared)

    @cached_property
    def tells_names_apart(self) -> bool:
        """Whether the disk tells names apart that differ in case alone."""
        from cpv_hooks.system.alike_names import tells_apart

        return tells_apart(self.project.root)

    def target(self, path: str) -> Path:
        """Where an artifact lies. `Unreadable` where a folder on the way is a link, which could lead out."""
        top = self.project.repo.top
        if (link := link_above(top, path)) is not None:
            from cpv_hooks.worktree.behind_links import behind_link

            raise behind_link(top, path, link)
        return top / path

    def status(self, path: str) -> os.stat_result | None:
        """The artifact's status, links followed; None where it is absent.

        `Unreadable` for a link out of the repository, unless it leads into DVC's cache (`cache.type symlink`).
        """
        target = self.target(path)
        if target.is_symlink():
            real = Path(os.path.realpath(target))
            if not real.is_relative_to(self.project.repo.top) and not self._is_object(real):
                raise Unreadable(
                    f"a symbolic link out of the repository, to {real}",
                    where=path,
                    fix=f"rm {file_word(path)} && cp -r {shell_path(real)} {file_word(path)}",
                )
        try:
            status = target.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            # A pipe would keep who opens it waiting.
            raise Unreadable(NOT_CONTENT, where=str(target), fix=f"mv {shell_path(target)} to another place")
        return status

    def _is_object(self, real: Path) -> bool:
        """Whether a file is named as an object of the cache; the cache may lie above anything."""
        folder = self.project.cache_dir
        return real.is_relative_to(folder) and bool(_OBJECT.fullmatch(real.relative_to(folder).as_posix()))

    def filter(self, path: str) -> Filter:
        """What DVC leaves out of a directory artifact."""
        if path not in self._filters:
            from cpv_hooks.dvcformat.dvcignore import filter_for

            self._filters[path] = filter_for(self.project.root, self.project.repo.top / path)
        return self._filters[path]

    def is_plain(self, path: str) -> bool:
        """Whether no `.dvcignore` has a say in what of a directory artifact is listed."""
        from cpv_hooks.dvcformat.dvcignore import builtin_filter

        return self.filter(path) is builtin_filter

    def listing(self, path: str, dangling: set[str] | None = None) -> FolderListing:
        """The files of a directory artifact as they are now; see `list_directory`."""
        return list_directory(self.target(path), self.filter(path), dangling)

    def settled(self, target: Path) -> tuple[os.stat_result, int]:
        """A file's status that any later write is sure to change, and the time at which it was taken."""
        self.clock.past(newest_time(signature(target.stat())))
        checked = self.clock.now()
        return target.stat(), checked

    def settled_listing(self, path: str, dangling: set[str] | None = None) -> tuple[FolderListing, int]:
        """A directory's files, likewise."""
        now = self.clock.now()
        listing = self.listing(path, dangling)
        if listing.newest >= now:
            self.clock.past(listing.newest)
            now = self.clock.now()
            listing = self.listing(path, dangling)
        return listing, now

    def staging(self, near: Path) -> Path:
        """A folder for temporary files that can be renamed to a place in `near`.

        It is DVC's own `tmp`, so that a training job which lists its data never sees them; on another disk or
        mount, or behind a link, it is the folder itself.
        """
        folder = staging_folder(self.project.root)
        if folder is None:
            return near
        try:
            folder.mkdir(parents=True, exist_ok=True)
            is_ours = os.access(folder, os.W_OK | os.X_OK)  # and not that of another user who was here first
            return folder if is_ours and self._are_one_disk(folder, near) else near
        except OSError:
            return near

    def _are_one_disk(self, folder: Path, other: Path) -> bool:
        from cpv_hooks.system.mount_points import mount_of

        same = mount_of(folder, self._mounts) == mount_of(other, self._mounts)
        return same and folder.stat().st_dev == other.stat().st_dev

    @cached_property
    def _mounts(self) -> list[str]:
        from cpv_hooks.system.mount_points import mounts_below

        return mounts_below(self.project.repo.top)
