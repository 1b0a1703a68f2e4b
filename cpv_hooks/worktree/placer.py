"""Objects of the cache put into the work tree, with the link type that DVC's `cache.type` asks for.

A file appears complete or not at all: it is written under a temporary name, hashed on the way, and renamed.
"""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from cpv_hooks.dvcformat.directory_object import REPAIR
from cpv_hooks.errors import CPVError, disk_error, shell_path
from cpv_hooks.system.atomic_files import TEMPORARY
from cpv_hooks.system.copying import copy_and_hash, reflink
from cpv_hooks.worktree.removal import remove_empty_folders
from cpv_hooks.worktree.verified_in_cache import is_safe
from cpv_hooks.worktree.workspace import Workspace

_AT_ONCE = 1000
"""Files that are written in one folder of temporary files. ext4 gives a new folder a place where there is room for some
thousand files; for more it looks through its groups, one by one, for each."""


class Placer:
    """Writes cache objects to the work tree with the link type that DVC's `cache.type` asks for; a context manager.

    `legacy`: of objects that DVC 2 named.
    """

    def __init__(self, space: Workspace, *, legacy: bool = False) -> None:
        self._cache = space.cache.by(legacy=legacy)
        self._space = space
        self._made: set[Path] = set()
        self._homes: dict[str, str] = {}
        self._stages: list[str] = []
        self._types = list(space.cache.types)
        self._makes_links = space.project.makes_links
        self._count = itertools.count()
        self._token = os.urandom(8).hex()

    def __enter__(self) -> Placer:
        return self

    def __exit__(self, *_: object) -> None:
        for stage in self._stages:
            with suppress(OSError):
                os.rmdir(stage)

    def place(self, oid: str, target: str | Path, *, isexec: bool, root: Path | None = None) -> None:
        """Put one object at `target`, replacing a file there; `root` is the directory artifact that it belongs to."""
        # Text and not paths: this is done for each file of a folder, and making a path costs as much as a look.
        folder = os.path.dirname(target)
        if folder not in self._homes:
            self.make_folder(Path(folder), root)
            self._homes[folder] = str(self._space.staging(Path(folder)))
        try:
            temporary = self._temporary(folder, is_one_of_many=root is not None)
        except OSError as error:
            raise disk_error(error, Path(target)) from error
        try:
            self._write(oid, temporary, target, isexec)
            _put(temporary, target)
            if "hardlink" in self._types:
                # Two names of one file are not renamed onto each other (rename(2)).
                _discard(temporary)
        except BaseException as error:
            _discard(temporary)
            if isinstance(error, OSError):
                raise disk_error(error, Path(target)) from error
            raise

    def _temporary(self, folder: str, *, is_one_of_many: bool) -> str:
        home, number = self._homes[folder], next(self._count)
        if not is_one_of_many or home == folder:
            return f"{home}/{self._token}-{number}{TEMPORARY}"
        if number >= _AT_ONCE * len(self._stages):
            stage = f"{home}/{self._token}-{number}{TEMPORARY}"
            os.mkdir(stage)
            self._stages.append(stage)
        return f"{self._stages[-1]}/{number}"

    def build(self, objects: Mapping[str, str], target: Path) -> bool:
        """Make a folder of objects (relative path -> oid) where there is none: beside its place, then put there whole.

        Nothing is there and the answer is False where that cannot be done, or something stands there by now.
        """
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise disk_error(error, target) from error
        home = self._space.staging(target.parent)
        if home == target.parent:
            return False
        stage = f"{home}/{self._token}{TEMPORARY}"
        try:
            os.mkdir(stage)
            last = ""
            for name, oid in objects.items():
                # Made when its first file comes: the file system then chooses a block group with room.
                folder = os.path.dirname(name)
                if folder != last:
                    os.makedirs(f"{stage}/{folder}", exist_ok=True)
                    last = folder
                self._write(oid, f"{stage}/{name}", f"{target}/{name}", isexec=False)
            os.rename(stage, target)
        except BaseException as error:
            _discard_folder(stage)
            if isinstance(error, OSError):
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR):
                    return False
                raise disk_error(error, target) from error
            raise
        return True

    def _source(self, oid: str, target: str | Path) -> str:
        source = self._cache.file(oid)
        if source is None:
            raise CPVError(f"the cache lacks object {oid}", where=str(target), fix="dvc cpv sync")
        return source

    def make_folder(self, folder: Path, root: Path | None) -> None:
        """Make the folders from the artifact (`root`) down to `folder`; none may be a link, which could lead out.

        A file goes only where the artifact itself stood; any other is none that the cache has.
        """
        if folder in self._made:
            return
        if root is not None and folder != root and folder.is_relative_to(root):
            self.make_folder(folder.parent, root)
        try:
            if root is not None and (folder.is_symlink() or (folder == root and folder.is_file())):
                folder.unlink()
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            fix = f"mv {shell_path(folder)} to another place"
            raise CPVError("there is a file where a folder should be", where=str(folder), fix=fix) from error
        except OSError as error:
            raise disk_error(error, folder) from error
        self._made.add(folder)

    def _write(self, oid: str, temporary: str, target: str | Path, isexec: bool) -> None:
        """Make the file under a temporary name; `target` is where it will lie."""
        if self._types[:1] == ["copy"] and (data := self._cache.small(oid)) is not None:
            self._space.advance(len(data))
            _write_all(_create(temporary, isexec=isexec), data)
            return
        source = self._source(oid, target)
        if self._makes_links and not is_safe(self._cache, self._space.index, oid):
            raise self._corrupt(oid, source)
        for kind in tuple(self._types):
            link = os.link if kind == "hardlink" else os.symlink if kind == "symlink" else None
            if link and _try(link, source, temporary):
                self._space.advance(os.stat(source).st_size)
                return
            if kind in ("reflink", "copy") and self._copy(oid, source, temporary, isexec, kind == "reflink"):
                return
            if kind == "reflink":
                # A file system that cannot share blocks learns it no later: the next file need not try.
                self._types.remove(kind)
        raise CPVError(
            f"none of cache.type = {','.join(self._cache.types)} works here",
            where=os.path.dirname(temporary),
            fix="dvc config cache.type reflink,copy",
        )

    def _corrupt(self, oid: str, source: str) -> CPVError:
        what = f"cache object {oid} is corrupt ({source})"
        # The object stays until a good copy is found: it may be the last that has at least most of the bytes.
        return CPVError(what, where=str(self._cache.folder), fix=REPAIR)

    def _copy(self, oid: str, source: str, temporary: str, isexec: bool, only_reflink: bool) -> bool:
        with open(source, "rb", buffering=0) as reader, os.fdopen(_create(temporary, isexec=isexec), "wb", 0) as writer:
            if "reflink" in self._types and reflink(reader.fileno(), writer.fileno()):
                self._space.advance(os.fstat(reader.fileno()).st_size)
                return True
            if only_reflink:
                os.unlink(temporary)
                return False
            digest, _ = copy_and_hash(reader, writer, self._space.advance)
        if digest != oid[:32] and not (self._cache.legacy and self._cache.holds(temporary, oid)):
            raise self._corrupt(oid, source)
        return True


def _discard(temporary: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(temporary)


def _discard_folder(stage: str) -> None:
    import shutil

    shutil.rmtree(stage, ignore_errors=True)


def _put(temporary: str, target: str | Path) -> None:
    try:
        os.replace(temporary, target)
    except IsADirectoryError:
        remove_empty_folders(Path(target))
        os.replace(temporary, target)


def _create(path: str, *, isexec: bool) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o777 if isexec else 0o666)


def _write_all(descriptor: int, data: bytes) -> None:
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    finally:
        os.close(descriptor)


def _try(link: Callable[[str, str], None], source: str, target: str) -> bool:
    try:
        link(source, target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise
        return False
    return True
