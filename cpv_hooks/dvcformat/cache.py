"""DVC's local cache: content by its hash, in `files/md5/<two digits>/<thirty>`, read-only once it is there.

Layout and modes are those of `dvc_data.hashfile.db.local.LocalHashFileDB`. DVC 2 had no `files/md5`, and another hash
(`file_hash`): what lies in its place is named by its rule, so that it need not be what the same name means to DVC 3.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from cpv_hooks.dvcformat.directory_object import DIR_SUFFIX
from cpv_hooks.errors import disk_error, disk_errors
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.atomic_files import sync_file_system, sync_to_disk
from cpv_hooks.system.signatures import TEMPORARY

PROTECTED = 0o444
_SYNC_ALL_FROM = 16  # objects; beyond that one sync of the file system is quicker than one of each


class CopyBeside(NamedTuple):
    """A file's content beside the cache: hash, size in bytes, and where; None where the cache needs no more of it."""

    oid: str
    size: int
    temporary: str | None


class Cache:
    """The cache of one DVC root. `legacy`: with the places and the hash of DVC 2 first."""

    def __init__(
        self,
        folder: Path,
        *,
        types: tuple[str, ...] = ("reflink", "copy"),
        shared: bool = False,
        legacy: bool = False,
    ) -> None:
        self.folder = folder
        self.types = types
        self.legacy = legacy
        self._objects, self._others = f"{folder}/files/md5", str(folder)
        if legacy:
            self._objects, self._others = self._others, self._objects
        self._shared = shared

    def by(self, *, legacy: bool) -> Cache:
        """The same cache for objects that are named by a rule."""
        if legacy == self.legacy:
            return self
        return Cache(self.folder, types=self.types, shared=self._shared, legacy=legacy)

    def path(self, oid: str) -> Path:
        """Where an object lies, whether it is there or not."""
        return Path(self._place(oid))

    def _place(self, oid: str) -> str:
        """The same as text: a commit or a checkout asks this for every file, and a path costs more than the look."""
        return f"{self._objects}/{oid[:2]}/{oid[2:]}"

    def find(self, oid: str) -> Path | None:
        """The object's file, in its own place or in that of DVC's other layout; None where the cache lacks it.

        A file that is not write-protected may have been edited in place, so it is hashed before it is believed; so is
        one in DVC 2's place for which DVC 3's hash is meant.
        """
        file = self.file(oid)
        return None if file is None else Path(file)

    def file(self, oid: str) -> str | None:
        """What `find` finds, as text."""
        file = self._place(oid)
        if self._sound(file, oid, is_believed=True):
            return file
        file = f"{self._others}/{oid[:2]}/{oid[2:]}"
        return file if self._sound(file, oid, is_believed=self.legacy) else None

    def _sound(self, path: str, oid: str, *, is_believed: bool) -> bool:
        try:
            status = os.stat(path)
        except OSError:
            return False
        if not stat.S_ISREG(status.st_mode):
            return False
        return (is_believed and stat.S_IMODE(status.st_mode) == PROTECTED) or self.holds(path, oid)

    def holds(self, path: str | Path, oid: str) -> bool:
        """Whether a file has the bytes that an object's name promises (reads it)."""
        from cpv_hooks.dvcformat.file_hash import has_hash

        return has_hash(path, oid, legacy=self.legacy)

    def small(self, oid: str) -> bytes | None:
        """The verified bytes of a small object in its own place, in few calls of the kernel.

        None for any other, and for one that is not as its name says: who asks goes the long way, which tells why.
        """
        from cpv_hooks.system.copying import read_small

        found = None if self.legacy else read_small(self._place(oid))
        return found[1] if found is not None and found[0] == oid[:32] else None

    def _hash(self, path: str | Path) -> str:
        from cpv_hooks.dvcformat.file_hash import legacy_md5, md5_of

        return legacy_md5(path) if self.legacy else md5_of(path)

    def is_same(self, path: str | Path, hashes: tuple[str, str], oid: str) -> bool:
        """Whether a file, whose two hashes are `both_hashes`, is an object byte for byte, as far as the cache has it.

        DVC 2's hash leaves line ends open; a file in which they have changed is not what would be brought back.
        """
        plain, old = hashes
        if not self.legacy or old != oid[:32]:
            return plain == oid[:32]
        there = self.file(oid)
        if there is None:
            return True
        from cpv_hooks.dvcformat.file_hash import md5_of

        # Where nothing was turned, the size says whether anything was in the other.
        is_one_size = os.stat(there).st_size == os.stat(path).st_size
        return is_one_size and (plain == old or md5_of(there) == plain)

    def has(self, oid: str) -> bool:
        return self.file(oid) is not None

    def has_own(self, oid: str) -> bool:
        """Whether the cache holds an object in its own place, the only one in which DVC looks for it."""
        return self._sound(str(self.path(oid)), oid, is_believed=True)

    def verified(self, oid: str) -> bool:
        """Whether the cache holds an object and its bytes are right (reads them)."""
        path = self.find(oid)
        return path is not None and self.holds(path, oid)

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

    def _is_object(self, source: str | Path, oid: str) -> bool:
        try:
            return os.path.samestat(os.stat(self._place(oid)), os.stat(source))
        except OSError:
            return False

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
