"""What a version consists of, file by file, and which of its objects have to come from the remote.

Nothing is changed by looking: a directory's listing that the cache lacks is read from the remote and thrown away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from cpv_hooks.console.output import few, say
from cpv_hooks.dvcformat.directory_object import is_dir_oid
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError, file_word, git_word, shell_word
from cpv_hooks.operations.download.pieces import Piece, refuse_overlaps
from cpv_hooks.project import retired
from cpv_hooks.project.expected import Expected, expected
from cpv_hooks.project.project import Project
from cpv_hooks.transfer.objects.store import Listing, Store, Stores
from cpv_hooks.versions.version import Version


class NobodyHas(CPVError):
    """Neither the cache nor the remote has files of a version; `names` are some of them, for people."""

    def __init__(self, what: str, *, where: str, fix: str, names: str) -> None:
        super().__init__(what, where=where, fix=fix)
        self.names = names


@dataclass(frozen=True)
class Stock:
    """A version's content: `pieces` are its files, `pointers` what has any (directories may be empty).

    `lacking` are the objects to fetch, each once, directory objects after all files; `lacking_bytes` their size.
    """

    project: Project
    version: Version
    pointers: tuple[Pointer, ...]
    pieces: tuple[Piece, ...]
    lacking: tuple[Piece, ...]
    lacking_bytes: int

    def place(self, piece: Piece) -> str:
        """Where a file belongs, relative to the DVC root."""
        artifact = self._places[piece.pointer.path]
        return f"{artifact}/{piece.inner}" if piece.inner else artifact

    @cached_property
    def _places(self) -> dict[str, str]:
        return {pointer.path: local(self.project, pointer) for pointer in self.pointers}

    def make_folders(self, top: Path, pieces: Iterable[Piece]) -> None:
        """Make the folders below `top` that these files lie in, and those of all directory artifacts."""
        folders = {(top / self.place(piece)).parent for piece in pieces}
        folders |= {top / self._places[pointer.path] for pointer in self.pointers if pointer.isdir}
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)

    def narrowed(self, needed: Collection[Piece]) -> Stock:
        """The same version, of which only these files are to be fetched, with their directories' listings."""
        paths = {piece.pointer.path for piece in needed}
        oids = {piece.oid for piece in needed}
        oids |= {pointer.oid for pointer in self.pointers if pointer.isdir and pointer.oid and pointer.path in paths}
        lacking = tuple(piece for piece in self.lacking if piece.oid in oids)
        return replace(self, lacking=lacking, lacking_bytes=self.lacking_bytes if lacking else 0)


def refuse_alike(stock: Stock, folder: Path) -> None:
    """Refuse to write a version where two of its files would be one. Raises `CPVError`."""
    from cpv_hooks.system.alike_names import alike, one_name, tells_apart

    found = {} if tells_apart(folder) else alike(map(stock.place, stock.pieces))
    if found:
        raise one_name(str(folder), found)


def local(project: Project, pointer: Pointer) -> str:
    """An artifact's path relative to its DVC root; `CPVError` for one that lies outside it."""
    if not project.holds(pointer.path):
        what = f"its artifact {pointer.path} lies outside the DVC root"
        raise CPVError(what, where=pointer.file, fix=f"git rm --cached {git_word(pointer.file)}")
    return pointer.path.removeprefix(project.prefix)


def find_content(project: Project, version: Version, *, use_cache: bool = True) -> Stock:
    """Look up what a version consists of. Without `use_cache` the cache counts as empty.

    Raises `CPVError` naming what neither the cache nor the remote has, and `RemoteError` where something is lacking
    and the remote cannot be asked.
    """
    return _Look(project, version, use_cache).stock()


class _Look:
    def __init__(self, project: Project, version: Version, use_cache: bool) -> None:
        self._project = project
        self._version = version
        self._use_cache = use_cache
        self._stores = Stores(project)
        self._kept: list[Pointer] = []
        self._pieces: list[Piece] = []
        self._lacking: dict[tuple[Store, str], Piece] = {}
        self._lost: list[Piece] = []
        self._bytes = 0

    def stock(self) -> Stock:
        for pointer in self._version.pointers:
            if self._has_content(pointer):
                self._add(pointer)
        refuse_overlaps(self._pieces)
        self._ask_remote()
        if self._lost:
            raise _nobody_has(self._project, self._version, self._lost)
        lacking = sorted(self._lacking.values(), key=lambda piece: is_dir_oid(piece.oid))
        kept, pieces = tuple(self._kept), tuple(self._pieces)
        return Stock(self._project, self._version, kept, pieces, tuple(lacking), self._bytes)

    def _has_content(self, pointer: Pointer) -> bool:
        if pointer.oid is not None:
            return True
        if pointer.imported:
            say(f"{pointer.path} is an import that was never downloaded, so {self._version.name} has no content of it")
            return False
        what = f"{pointer.path} has no content in {self._version.name}"
        raise CPVError(what, where=pointer.file, fix=f"dvc commit {file_word(pointer.file)}, git commit")

    def _add(self, pointer: Pointer) -> None:
        assert pointer.oid is not None
        local(self._project, pointer)
        whole = Piece(pointer, pointer.oid)
        pieces = [whole]
        if pointer.isdir:
            listing = self._listing(pointer)
            if listing is None:
                self._lose_or_leave([whole])
                return
            pieces = [Piece(pointer, oid, name) for name, oid in listing]
        lacking = [piece for piece in {p.oid: p for p in [*pieces, whole]}.values() if not self._here(piece)]
        if lacking and self._belongs(pointer) is None:
            # Its stage says that it is never uploaded.
            self._lose_or_leave(lacking)
            return
        self._kept.append(pointer)
        self._pieces += pieces
        self._lacking.update({(self._store(piece), piece.oid): piece for piece in lacking})
        self._bytes += self._missing_bytes(pointer, pieces, {piece.oid for piece in lacking})

    def _lose_or_leave(self, lacking: list[Piece]) -> None:
        pointer = lacking[0].pointer
        if self._belongs(pointer):
            self._lost += lacking
        else:
            say(f"{pointer.path} skipped: it is not in the cache, and its stage sets `push: false`")

    def _here(self, piece: Piece) -> bool:
        """Whether the cache serves an object; what is on no remote of ours can come from nowhere else."""
        rule = self._belongs(piece.pointer)
        if not (self._use_cache or rule is None or not rule.required):
            return False
        return self._store(piece).serves(piece.oid)

    def _store(self, piece: Piece) -> Store:
        return self._stores.of(piece.pointer)

    def _belongs(self, pointer: Pointer) -> Expected | None:
        return expected(self._project, pointer, [self._version.commit])

    def _listing(self, pointer: Pointer) -> Listing | None:
        assert pointer.oid is not None
        store = self._stores.of(pointer)
        found = store.cached_listing(pointer.oid) if self._here(Piece(pointer, pointer.oid)) else None
        return found if found is not None or not self._belongs(pointer) else store.remote_listing(pointer.oid)

    def _missing_bytes(self, pointer: Pointer, pieces: list[Piece], lacking: set[str]) -> int:
        """What is to be fetched of an artifact, in bytes: all of it but the files that are here."""
        if not lacking & {piece.oid for piece in pieces}:
            return 0
        here = (self._store(piece).blob(piece.oid) for piece in pieces if piece.oid not in lacking)
        return max(0, (pointer.size or 0) - sum(blob.size for blob in here if blob))

    def _ask_remote(self) -> None:
        for store in dict.fromkeys(store for store, _ in self._lacking):
            wanted = {oid: piece for (where, oid), piece in self._lacking.items() if where is store}
            sizes = {oid: piece.pointer.size for oid, piece in wanted.items() if not (piece.inner or store.legacy)}
            known = {oid: size for oid, size in sizes.items() if size is not None and not is_dir_oid(oid)}
            gone = store.remote.missing(list(wanted), known)
            self._lost += [piece for oid, piece in wanted.items() if oid in gone]


def _nobody_has(project: Project, version: Version, lost: list[Piece]) -> NobodyHas:
    found = sorted({piece.shown for piece in lost})
    names = few(found)
    gone = retired.retirement_of(project.repo, [piece.pointer for piece in lost], version.name)
    if gone is not None:
        error = gone.error(str(project.root))
        return NobodyHas(error.what, where=str(project.root), fix=error.fix or "", names=names)
    what = f"neither the cache nor the remote has {names} of {version.name}"
    fix = "dvc push --all-tags in a clone that has it"
    if all(piece.pointer.imported for piece in lost):
        fix = f"git checkout {shell_word(version.name)} && dvc update {file_word(lost[0].pointer.file)}"
    return NobodyHas(what, where=str(project.root), fix=fix, names=names)
