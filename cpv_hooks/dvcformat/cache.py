"""DVC's local cache: how content gets in, read-only once it is there; `cached_objects` says where it lies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from cpv_hooks.dvcformat.cached_objects import PROTECTED, CachedObjects
from cpv_hooks.dvcformat.directory_object import DIR_SUFFIX
from cpv_hooks.errors import disk_error, disk_errors
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.atomic_files import TEMPORARY, sync_file_system, sync_to_disk

_SYNC_ALL_FROM = 16  # objects; beyond that one sync of the file system is quicker than one of each


class CopyBeside(NamedTuple):
    """A file's content beside the cache: hash, size in bytes, and where; None where the cache needs no more of it."""

    oid: str
    size: int
    temporary: str | None


class Cache(CachedObjects):
    """The cache of one DVC root."""

    def by(self, *, legacy: bool) -> Cache:
        """The same cache for objects that are named by a rule."""
        if legacy == self.legacy:
            return self
        return Cache(self.folder, types=self.types, shared=self._shared, legacy=legacy)

    def add_bytes(self, oid: str, data: bytes) -> None:
        """Store an object that is in memory (a `.dir` object)."""
        if self.has_own(oid) and self.holds(self.path(oid), oid):
            with suppress(OSError):  # who thinks of removing it sees that somebody has brought it again
                os.utime(self.path(oid))
            return
        with disk_errors(self.folder), self._new_file() as temporary:
            with open(temporary, "xb") as stream:
                stream.write(data)
            self._install(temporary, oid)

    def add_directory(self, pieces: Callable[[], Iterable[bytes]]) -> str:
        """Store a directory object whose bytes come in pieces; returns its hash."""
        import hashlib

        digest = hashlib.md5(usedforsecurity=False)
        try:
            with self._new_file() as temporary:
                with open(temporary, "xb") as stream:
                    for piece in pieces():
                        digest.update(piece)
                        stream.write(piece)
                self._install(temporary, digest.hexdigest() + DIR_SUFFIX)
        except OSError as error:
            # A cache that cannot be written serves all the same where it has the object.
            digest = hashlib.md5(b"".join(pieces()), usedforsecurity=False)
            if not self.verified(digest.hexdigest() + DIR_SUFFIX):
                raise disk_error(error, self.folder) from error
        return digest.hexdigest() + DIR_SUFFIX

    def add_file(self, source: str | Path, advance: Callable[[int], None] = lambda count: None) -> tuple[str, int]:
        """Store a file's content in one read; returns its hash and its size in bytes.

        The object is installed only after all was read, so a kill leaves nothing but a temporary file.
        """
        taken = self.take(source, advance)
        self.keep(taken)
        return taken.oid, taken.size

    def take(self, source: str | Path, advance: Callable[[int], None] = lambda count: None) -> CopyBeside:
        """The same, but for who wants to know what it is before it is there: `keep` it, or `drop` it."""
        try:
            return self._take(source, advance)
        except FileNotFoundError:
            raise
        except OSError as error:
            return self._known_without_writing(source, error)

    def keep(self, taken: CopyBeside) -> None:
        """Install what was taken. Raises `CPVError`."""
        if taken.temporary is None:
            return
        try:
            self._install(taken.temporary, taken.oid)
        except OSError as error:
            self.drop(taken)
            if not self.verified(taken.oid):
                raise disk_error(error, self.folder) from error

    def drop(self, taken: CopyBeside) -> None:
        """Do without what was taken."""
        if taken.temporary is not None:
            _discard(taken.temporary)

    def _take(self, source: str | Path, advance: Callable[[int], None]) -> CopyBeside:
        from cpv_hooks.system.copying import copy_and_hash, reflink

        with open(source, "rb", buffering=0) as reader, self._new_file() as temporary:
            with open(temporary, "x+b", buffering=0) as writer:
                if reflink(reader.fileno(), writer.fileno()):
                    digest, size = copy_and_hash(writer, None, advance)
                else:
                    digest, size = copy_and_hash(reader, writer, advance, writes_back=True)
            if self.legacy:
                digest = self._hash(temporary)
            # Even where the cache has it: an object that went bad is replaced by bytes that are known to be right.
            # An artifact that is a link to the object itself has just been read, and must stay that link.
            if self._is_object(source, digest):
                _discard(temporary)
                return CopyBeside(digest, size, None)
        return CopyBeside(digest, size, temporary)

    def _known_without_writing(self, source: str | Path, error: OSError) -> CopyBeside:
        """A cache that cannot be written serves all the same where it has the content."""
        from cpv_hooks.system.write_back import write_back

        with open(source, "rb", buffering=0) as reader:
            write_back(reader.fileno())
        digest = self._hash(source)
        if not self.verified(digest):
            raise disk_error(error, self.folder) from error
        return CopyBeside(digest, os.stat(source).st_size, None)

    def adopt(self, temporary: Path, oid: str) -> None:
        """Take in a file that was written next to the cache and whose md5 the caller has verified."""
        with disk_errors(self.folder):
            self._install(temporary, oid)

    def sync(self, oids: Sequence[str]) -> None:
        """Make objects durable, before the only other copies of their bytes are replaced."""
        if len(oids) > _SYNC_ALL_FROM and sync_file_system(self.folder):
            return
        for oid in oids:
            path = self.find(oid)
            if path is not None:
                sync_to_disk(path)

    def temporary(self) -> Path:
        """A name for a temporary file on the cache's file system; `CPVError` where none can be made."""
        with disk_errors(self.folder):
            return Path(self._temporary())

    def _temporary(self) -> str:
        # Beside `files/`, so that DVC's own listing of the cache never meets it.
        folder = f"{self.folder}/cpv"
        if not os.path.isdir(folder):
            self.make_folder(Path(folder))
        return f"{folder}/{os.urandom(8).hex()}{TEMPORARY}"

    @contextmanager
    def _new_file(self) -> Iterator[str]:
        """A temporary name; what has it goes where the block fails."""
        temporary = self._temporary()
        try:
            yield temporary
        except BaseException:
            _discard(temporary)
            raise

    def make_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            if self._shared and folder.parent != folder:
                # DVC gives each level these modes, and a group cannot write below one that has not.
                self.make_folder(folder.parent)
            folder.mkdir(parents=True, exist_ok=True)
            if self._shared:
                os.chmod(folder, 0o2775)  # noqa: S103 - what DVC gives a cache shared by a group

    def _install(self, temporary: str | Path, oid: str) -> None:
        target = self._place(oid)
        os.chmod(temporary, PROTECTED)
        try:
            os.replace(temporary, target)
        except FileNotFoundError:
            self.make_folder(Path(target).parent)
            os.replace(temporary, target)


def _discard(temporary: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(temporary)
