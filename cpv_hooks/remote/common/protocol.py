"""Remotes: where DVC keeps objects away from this machine.

The layout is DVC 3's: `<url>/files/md5/<first two digits>/<the rest>`, a directory object's name with its `.dir`.
Objects that DVC 2 named (`md5-dos2unix`) lie in `<url>/<first two digits>/<the rest>`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cpv_hooks.console.progress import Progress
from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple

if TYPE_CHECKING:
    from cpv_hooks.system.byte_source import ByteSource

DVC3_LAYOUT = "files/md5"
NO_SIZES: Mapping[str, int] = {}


class Blob(NamedTuple):
    """One cache object to upload: its id, its file, its size in bytes.

    `known` says that its bytes were hashed a moment ago, so that they need not be once more as they are sent.
    """

    oid: str
    path: Path
    size: int
    known: bool = False


def ignore_blob(blob: Blob) -> None:
    """The `done` of a caller who does not count."""


class RemoteError(CPVError):
    """A remote could not do what was asked."""


class MissingObject(RemoteError):
    """The remote does not have an object."""


class CorruptObject(RemoteError):
    """The bytes of an object are not those that its name promises."""


class Remote(Protocol):
    """A store of objects. Every method raises `RemoteError`; progress counts bytes and grows by itself."""

    url: str
    """Where the objects lie, without secrets; also the key under which verified objects are recorded."""
    downloads: int
    """How many objects are best brought at a time."""

    def address(self, oid: str) -> str:
        """Where an object lies, for people: `s3://bucket/key`, a path. Asks nobody, and holds no secret."""

    def missing(self, oids: Collection[str], sizes: Mapping[str, int] = NO_SIZES) -> set[str]:
        """Which objects are not there; one with another size than in `sizes` counts as not there."""

    def upload(self, blobs: Sequence[Blob], progress: Progress, done: Callable[[Blob], None] = ignore_blob) -> None:
        """Store objects, directory objects after all files, replacing what is there.

        `done` is called, from any thread, for each object once it is stored and verified.
        """

    def download(self, oid: str, to: Path, progress: Progress) -> None:
        """Bring an object to the file `to`, one of the caller's own, which stays only if its bytes are right.

        Raises `MissingObject` or `CorruptObject`. Threads may share a remote.
        """

    def open_ranges(self, oid: str) -> ByteSource:
        """An object of which only some ranges are read; nobody verifies them. Raises `MissingObject`."""

    def check(self) -> None:
        """Raise unless the remote can be reached and lets us in."""
