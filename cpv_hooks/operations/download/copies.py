"""The user's own copies of a version's files, in a folder that may hold something already.

The rules:

- A file that is there with the right bytes stays as it is, so a download that was stopped goes on where it was, and one
  that is complete has nothing to do.
- A folder that holds anything else is refused. With `force` the version is written into it: what stands in the way of
  a file, and what lies in a directory artifact without belonging to it, is moved to `before-TAG` in that folder.
- A file appears under its name only when its bytes are right; a new folder appears with all its files.
- Nothing is written into `.git` or `.dvc`, nor over an artifact that a repository tracks: that is what `revert` is for.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.console.output import counted, few, size_text
from cpv_hooks.console.plan import Effect
from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.file_hash import has_hash
from cpv_hooks.errors import CPVError, disk_errors
from cpv_hooks.operations.download.destination import survey_output
from cpv_hooks.operations.download.fetch_content import DISK_THREADS, LISTED, ContentSource
from cpv_hooks.operations.download.pieces import Piece
from cpv_hooks.operations.download.refuse_tracked import refuse_tracked
from cpv_hooks.operations.download.version_content import Stock, local, refuse_alike
from cpv_hooks.state_files import cpv_home
from cpv_hooks.system.atomic_files import TEMPORARY
from cpv_hooks.system.folder_names import clipped
from cpv_hooks.system.locks import locked

_LONGEST = 200  # bytes of a name that gets more around it
_NUMBERED = 245  # and of one that gets a number alone


class Copies:
    """The copies of a version in `output`; making one looks and refuses, `write` writes.

    `todo` are the files to write, `bytes` their size (at most, where some of a directory's files are there).
    """

    def __init__(self, stock: Stock, output: Path, *, force: bool = False) -> None:
        self.output = output
        self._stock = stock
        refuse_tracked(stock, output)
        refuse_alike(stock, output)
        self._destination = survey_output(stock, output)
        if not force:
            self._refuse_taken()
        self.todo = self._destination.todo
        self._moves = dict(self._set_aside())
        self.bytes = self._size()

    def _refuse_taken(self) -> None:
        destination, name = self._destination, self._stock.version.name
        if not destination.todo and not destination.in_the_way:
            return
        other = "name another --output-dir, or repeat with --force (what is there is kept)"
        if destination.in_the_way == ("",):
            raise CPVError("there is a file where the folder should be", where=str(self.output), fix=other)
        if destination.in_the_way:
            what = f"is there already and differs from {name}: {few(destination.in_the_way)}"
            raise CPVError(what, where=str(self.output), fix=other)
        if destination.foreign:
            what = f"is not empty ({destination.foreign} does not belong to {name})"
            raise CPVError(what, where=str(self.output), fix=other)

    def _set_aside(self) -> Iterator[tuple[Path, Path]]:
        """What has to make way, and where it goes."""
        ending = f"before-{_short(self._stock.version.name)}"
        for path in self._destination.in_the_way:
            if not path:
                name = clipped(self.output.name, _NUMBERED - len(os.fsencode(ending)))
                yield self.output, _free(self.output.with_name(f"{name}.{ending}"))
            else:
                yield self.output / path, self._aside() / path

    def _aside(self) -> Path:
        return _free(self.output / f"before-{_short(self._stock.version.name)}")

    def _size(self) -> int:
        touched, todo = {piece.pointer.path for piece in self.todo}, set(self.todo)
        right = [p for p in self._stock.pieces if p.pointer.path in touched and p not in todo]
        here = sum((self.output / self._stock.place(piece)).stat().st_size for piece in right)
        return max(0, sum(pointer.size or 0 for pointer in self._stock.pointers if pointer.path in touched) - here)

    def effects(self) -> list[Effect]:
        """A line for each artifact that is written, and for each thing that makes way."""
        moves = [Effect("file", f"move {old} to {new}") for old, new in self._moves.items()]
        if len(moves) > LISTED:
            moves = [Effect("file", f"move {len(moves)} files to {self._aside()}")]
        lines = []
        for pointer in self._stock.pointers:
            count = sum(piece.pointer is pointer for piece in self.todo)
            place = self.output / local(self._stock.project, pointer)
            if pointer.isdir and (count or not place.is_dir()):
                lines.append(Effect("file", f"write {place}/ ({counted(count, 'file')})"))
            elif count:
                lines.append(Effect("file", f"write {place} ({size_text(pointer.size or 0)})"))
        return [*moves, *lines]

    def write(self, source: ContentSource) -> None:
        """Do it. Raises `CPVError` for a disk that refuses, and for a file that appeared in the way meanwhile."""
        with writing_copy(self.output):
            self._write(source)

    def _write(self, source: ContentSource) -> None:
        from cpv_hooks.system.threads import each

        if not self.effects():
            return
        for old, new in self._moves.items():
            if not os.path.lexists(new):
                new.parent.mkdir(parents=True, exist_ok=True)
                os.rename(old, new)
        is_new = not self.output.exists()
        staging = staging_of(self.output)
        shutil.rmtree(staging, ignore_errors=True)
        try:
            staging.mkdir(parents=True)
            self._stock.make_folders(staging, self.todo)
            with Progress(f"writing {self._stock.version.name}", self.bytes) as progress:
                each(
                    lambda piece: source.copy(piece, staging / self._stock.place(piece), progress),
                    self.todo,
                    DISK_THREADS,
                )
            if is_new and not self.output.exists():
                os.rename(staging, self.output)
            else:
                self._put_in_place(staging)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _put_in_place(self, staging: Path) -> None:
        self._stock.make_folders(self.output, self.todo)
        for piece in self.todo:
            name = self._stock.place(piece)
            target = self.output / name
            if os.path.lexists(target) and not _is_right(target, piece):
                what = "appeared while the version was downloaded"
                raise CPVError(what, where=str(target), fix="move it away, then repeat the command")
            os.replace(staging / name, target)


@contextmanager
def writing_copy(output: Path) -> Iterator[None]:
    """While a folder is written nobody else writes it; a disk that refuses is a `CPVError`."""
    key = hashlib.sha256(os.fsencode(output)).hexdigest()[:16]
    lock = cpv_home() / state_files.LOCKS / f"output-{key}"
    with locked(lock, wait=True, say=f"writing {output}"), disk_errors(output, by_name=True):
        yield


def staging_of(output: Path) -> Path:
    """Where files wait until their bytes are right: on the same disk, beside a folder that is yet to be made."""
    return output / TEMPORARY if output.is_dir() else staging_beside(output)


def staging_beside(output: Path) -> Path:
    """Likewise, always beside it."""
    # The same each time, and no longer than a name may be.
    name = output.name
    if len(os.fsencode(name)) > _LONGEST:
        name = hashlib.sha1(os.fsencode(name), usedforsecurity=False).hexdigest()
    return output.with_name(f".{name}{TEMPORARY}")


def _short(tag: str) -> str:
    """A tag's name as a part of another name."""
    return clipped(tag.replace("/", "-"), _LONGEST // 2)


def _free(path: Path) -> Path:
    """The path, or the first with a number behind it, that is not taken."""
    number, found = 1, path
    while os.path.lexists(found):
        number += 1
        found = path.with_name(f"{path.name}-{number}")
    return found


def _is_right(path: Path, piece: Piece) -> bool:
    return path.is_file() and not path.is_symlink() and has_hash(path, piece.oid, legacy=piece.pointer.legacy)
