"""The files of a version, each with its place, of which no two may be one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError, git_word
from cpv_hooks.worktree.absent_files import folders_above


@dataclass(frozen=True, eq=False)
class Piece:
    """An object of a version: a file (`inner` is its path in a directory artifact), or a directory's listing.

    Compared by identity: there may be a million, and a pointer may be long.
    """

    pointer: Pointer
    oid: str
    inner: str | None = None

    @property
    def shown(self) -> str:
        """The file, relative to the top of the work tree."""
        return f"{self.pointer.path}/{self.inner}" if self.inner else self.pointer.path


def refuse_overlaps(pieces: Iterable[Piece]) -> None:
    """Pointers of a hostile repository may claim one place twice, or a file where another has its folder."""
    files: dict[str, Piece] = {}
    for piece in pieces:
        other = files.setdefault(piece.shown, piece)
        if other is not piece:
            raise _overlap(piece)
    for piece in files.values():
        if any(folder in files for folder in folders_above(piece.shown)):
            raise _overlap(piece)


def _overlap(piece: Piece) -> CPVError:
    what = f"{piece.shown} is claimed by two pointers"
    return CPVError(what, where=piece.pointer.file, fix=f"git rm --cached {git_word(piece.pointer.file)}")
