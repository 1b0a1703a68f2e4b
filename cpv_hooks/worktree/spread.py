"""Work on the files of one folder that is spread over other machines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.signatures import Signature


class FilePart(NamedTuple):
    """A file by its path in the folder, and its signature when it was listed."""

    name: str
    signature: Signature


class Spread(Protocol):
    """Whoever does it. Raises `BeingWritten` where a file has not its signature any more, and `CPVError`."""

    def is_worth(self, parts: Sequence[FilePart]) -> bool:
        """Whether so much work is worth the way."""

    def hash(self, root: Path, parts: Sequence[FilePart]) -> list[str]:
        """The md5 of each file of the folder `root`."""

    def store(self, root: Path, parts: Sequence[FilePart]) -> list[str]:
        """The same, with the files in the cache and, where they are to be there now, on the remote."""
