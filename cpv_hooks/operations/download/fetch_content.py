"""A version's objects on their way from the remote into the cache, and out of it with a second look at their bytes."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cpv_hooks.console.output import size_text, warn
from cpv_hooks.console.plan import Effect
from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.directory_object import is_dir_oid
from cpv_hooks.dvcformat.file_hash import has_hash, is_named
from cpv_hooks.errors import CPVError
from cpv_hooks.operations.download.pieces import Piece
from cpv_hooks.operations.download.version_content import Stock
from cpv_hooks.system.copying import reflink
from cpv_hooks.system.copying_ahead import CHUNK
from cpv_hooks.system.signatures import Signature, signature
from cpv_hooks.transfer.objects.store import Store, Stores
from cpv_hooks.worktree.base_index import Index

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

DISK_THREADS = 4
LISTED = 20
"""So many objects are named one by one; more are one line."""


class ContentSource:
    """The cache and the remote that a version's files come from.

    `sound` are cache objects (id -> signature) whose bytes the caller has seen to be right before.
    """

    def __init__(self, stock: Stock, sound: Mapping[str, Signature] | None = None) -> None:
        self._stock = stock
        self._stores = Stores(stock.project)
        self._sound = dict(sound or {})
        self._healing = threading.Lock()

    def effects(self) -> list[Effect]:
        """What fetching does: a line for each object, or one for many."""
        lacking, project = self._stock.lacking, self._stock.project
        if not lacking:
            return []
        far = [piece for piece in lacking if not _in_pointer(piece)]
        if len(far) > LISTED:
            urls = sorted({self._store(piece).remote.url for piece in far})
            gets = [Effect("s3", f"get {self._count(len(far))} from {' and '.join(urls)}")]
        else:
            gets = [Effect("s3", f"get {self._store(piece).remote.address(piece.oid)}") for piece in far]
        return [*gets, Effect("dvc", f"put {self._count(len(lacking))} into the cache {project.cache_dir}")]

    def _count(self, number: int) -> str:
        return f"{number} object{'s' if number > 1 else ''} ({size_text(self._stock.lacking_bytes)})"

    def bring(self, *, use_cache: bool = True) -> None:
        """Fetch what the cache lacks; with `use_cache` what another process has brought meanwhile is taken.

        An object is in the cache complete and verified, or not at all; a run that was stopped goes on where it was.
        """
        from cpv_hooks.system.threads import each

        todo = [p for p in self._stock.lacking if not (use_cache and self._store(p).serves(p.oid))]
        stores = {id(self._store(piece)): self._store(piece) for piece in todo}.values()
        threads = max((store.remote.downloads for store in stores), default=1)
        with Progress(f"fetching {self._stock.version.name}") as progress:
            # A listing promises its files, to DVC as well, so it comes after them.
            for last in (False, True):
                each(lambda p: self._fetch(p, progress), [p for p in todo if is_dir_oid(p.oid) is last], threads)

    def _fetch(self, piece: Piece, progress: Progress) -> None:
        store = self._store(piece)
        try:
            store.fetch(piece.oid, progress)
        except CPVError as error:
            raise CPVError(f"{piece.shown}: {error.what}", where=error.where, fix=error.fix) from error
        blob = store.blob(piece.oid)
        if blob is not None:
            self._sound[piece.oid] = signature(blob.path.stat())

    def file(self, piece: Piece) -> Path:
        """The cache's file of a piece, its bytes verified; one that went bad is fetched anew."""
        path = self._find(piece)
        if path is not None and (self._is_known(piece, path) or self._has_right_bytes(piece, path)):
            self._sound[piece.oid] = signature(path.stat())
            return path
        return self.heal(piece)

    def stored(self, piece: Piece) -> Path:
        """The cache's file of a piece, for a caller that verifies the bytes itself (and calls `heal`)."""
        return self._find(piece) or self.heal(piece)

    def copy(self, piece: Piece, target: Path, progress: Progress, also: Callable[[], Hash] | None = None) -> str:
        """Write a piece to a file that is not there yet, its bytes verified as they are written.

        Returns them in hex as `also` hashes them. Raises `CPVError` where the cache's object cannot be had right.
        """
        found = _copied(piece, self.stored(piece), target, progress, also)
        if found is None:
            target.unlink()
            found = _copied(piece, self.heal(piece), target, progress, also)
        if found is None:
            raise CPVError(f"{piece.shown} changed in the cache while it was read", fix="repeat the command")
        return found

    def heal(self, piece: Piece) -> Path:
        """Fetch a piece whose cache object is gone or bad."""
        with self._healing:
            path = self._find(piece)
            if path is not None and self._has_right_bytes(piece, path):
                return path
            if path is not None:
                warn(f"{piece.shown}: its cache object {piece.oid} is corrupt; fetching it again")
            with Progress(f"fetching {piece.shown}") as progress:
                self._fetch(piece, progress)
            path = self._find(piece)
        if path is None:
            what = f"{piece.shown}: object {piece.oid} disappeared from the cache"
            raise CPVError(what, where=str(self._stock.project.cache_dir), fix="repeat the command")
        return path

    def _find(self, piece: Piece) -> Path | None:
        blob = self._store(piece).blob(piece.oid)
        return blob.path if blob else None

    def _is_known(self, piece: Piece, path: Path) -> bool:
        found = signature(path.stat())
        return found in (self._sound.get(piece.oid), self._remembered.get(piece.oid))

    @cached_property
    def _remembered(self) -> Mapping[str, Signature]:
        """The large objects that the hooks have seen to be right in this clone."""
        return Index.load(self._stock.project.repo.state).objects

    def _has_right_bytes(self, piece: Piece, path: Path) -> bool:
        return has_hash(path, piece.oid, legacy=piece.pointer.legacy)

    def _store(self, piece: Piece) -> Store:
        return self._stores.of(piece.pointer)


def _in_pointer(piece: Piece) -> bool:
    """Whether the pointer itself says what the object does: it lists the files that lie on a remote by version."""
    return piece.oid == piece.pointer.oid and piece.pointer.isdir and bool(piece.pointer.stored)


def _copied(
    piece: Piece, source: Path, target: Path, progress: Progress, also: Callable[[], Hash] | None
) -> str | None:
    """Copy a file, sharing its blocks where the disk can; None where the bytes that were written are not right."""
    mode = 0o777 if piece.pointer.isexec and not piece.pointer.isdir else 0o666
    digest = hashlib.md5(usedforsecurity=False)
    other = digest if also is None else also()
    with (
        open(source, "rb", buffering=0) as reader,
        os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as writer,
    ):
        shared = reflink(reader.fileno(), writer.fileno())
        while chunk := reader.read(CHUNK):
            digest.update(chunk)
            if other is not digest:
                other.update(chunk)
            if not shared:
                writer.write(chunk)
            progress.advance(len(chunk))
    is_right = is_named(target, digest.hexdigest(), piece.oid, legacy=piece.pointer.legacy)
    return other.hexdigest() if is_right else None
