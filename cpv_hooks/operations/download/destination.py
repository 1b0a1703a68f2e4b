"""What stands in the folder that a version is to be written to."""

from __future__ import annotations

import os
from pathlib import Path

from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.file_hash import has_hash
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.operations.download.fetch_content import DISK_THREADS
from cpv_hooks.operations.download.pieces import Piece
from cpv_hooks.operations.download.version_content import Stock, local
from cpv_hooks.system.atomic_files import TEMPORARY
from cpv_hooks.worktree.absent_files import folders_above


class Destination(NamedTuple):
    """`todo` are the files that are not there with the right bytes.

    `in_the_way` are paths, relative to the folder, of what has another content than the version, lies inside one of
    its directories without belonging to it, or stands where a folder must be; the empty path is the folder's own.
    `foreign` is one name that is no part of the version and not in its way, or None.
    """

    todo: tuple[Piece, ...]
    in_the_way: tuple[str, ...]
    foreign: str | None


def survey_output(stock: Stock, output: Path) -> Destination:
    """Look at every file of the version in `output`, hashing those that are there."""
    if not output.is_dir():
        return Destination(stock.pieces, ("",) if os.path.lexists(output) else (), None)
    return _Survey(stock, output).destination()


class _Survey:
    def __init__(self, stock: Stock, output: Path) -> None:
        self._stock = stock
        self._output = output
        self._files = {stock.place(piece): piece for piece in stock.pieces}
        self._artifacts = {local(stock.project, pointer) for pointer in stock.pointers if pointer.isdir}
        self._folders = {
            above for name in (*self._files, *self._artifacts) for above in folders_above(name)
        } | self._artifacts
        self._present: list[str] = []
        self._in_the_way: set[str] = set()
        self._foreign: str | None = None

    def destination(self) -> Destination:
        self._walk("", owned=False)
        right = self._right()
        self._in_the_way |= set(self._present) - right
        todo = tuple(piece for name, piece in self._files.items() if name not in right)
        return Destination(todo, tuple(sorted(self._in_the_way)), self._foreign)

    def _walk(self, folder: str, *, owned: bool) -> None:
        """Go through what stands in a folder of the version; `owned` inside a directory artifact."""
        with os.scandir(self._output / folder) as entries:
            for entry in entries:
                name = f"{folder}/{entry.name}" if folder else entry.name
                if name in self._files and entry.is_file(follow_symlinks=False):
                    self._present.append(name)
                elif name in self._folders and entry.is_dir(follow_symlinks=False):
                    self._walk(name, owned=owned or name in self._artifacts)
                elif owned or name in self._files or name in self._folders:
                    self._in_the_way.add(name)
                elif name != TEMPORARY:
                    self._foreign = min(name, self._foreign or name)

    def _right(self) -> set[str]:
        from cpv_hooks.system.threads import each

        right: set[str] = set()

        def look(piece: Piece) -> None:
            name = self._stock.place(piece)
            if has_hash(self._output / name, piece.oid, legacy=piece.pointer.legacy, advance=progress.advance):
                right.add(name)

        with Progress(f"checking {self._output.name}") as progress:
            each(look, [self._files[name] for name in self._present], DISK_THREADS)
        return right
