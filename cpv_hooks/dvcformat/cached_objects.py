"""Objects in DVC's local cache: content by its hash, in `files/md5/<two digits>/<thirty>`, and what of it is believed.

Layout and modes are those of `dvc_data.hashfile.db.local.LocalHashFileDB`. DVC 2 had no `files/md5`, and another hash
(`file_hash`): what lies in its place is named by its rule, so that it need not be what the same name means to DVC 3.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cpv_hooks.dvcformat.dvc_config import DEFAULT_LINKS, LinkType

PROTECTED = 0o444


class CachedObjects:
    """The objects in the cache of one DVC root. `legacy`: with the places and the hash of DVC 2 first."""

    def __init__(
        self,
        folder: Path,
        *,
        types: tuple[LinkType, ...] = DEFAULT_LINKS,
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

    def _is_object(self, source: str | Path, oid: str) -> bool:
        try:
            return os.path.samestat(os.stat(self._place(oid)), os.stat(source))
        except OSError:
            return False
