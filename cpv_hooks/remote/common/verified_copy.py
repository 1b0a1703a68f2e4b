"""Bytes on their way in or out: hashed as they pass, shown under their name only when they are right."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.cached_objects import PROTECTED
from cpv_hooks.dvcformat.file_hash import is_named
from cpv_hooks.errors import disk_errors
from cpv_hooks.remote.common.protocol import CorruptObject
from cpv_hooks.system.atomic_files import beside, sync_to_disk
from cpv_hooks.system.copying_ahead import writing

CHUNK = 1 << 20


def read_chunks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, a megabyte at a time."""
    with open(path, "rb", buffering=0) as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def receive(
    chunks: Iterable[bytes], oid: str, to: Path, progress: Progress, *, where: str, legacy: bool = False
) -> int:
    """Write an object to `to`, a file of the caller's own, if its bytes are right; returns its size in bytes.

    Raises `CorruptObject`, naming the object and `where` it came from, and leaves nothing behind. An error of the
    disk is a `CPVError`; an error of the source is the source's own.
    """
    stream = _create(to)
    try:
        with stream:
            digest, size = _write(stream, chunks, to, progress)
        if not is_named(to, digest, oid, legacy=legacy):
            raise corrupt(oid, where)
    except BaseException:
        to.unlink(missing_ok=True)
        raise
    return size


def store_object(
    chunks: Iterable[bytes], oid: str, to: Path, progress: Progress, *, where: str, legacy: bool = False
) -> None:
    """Write an object to `to` in one step, read-only, and on the disk when this returns; see `receive` for the rest."""
    temporary = beside(to)
    try:
        receive(chunks, oid, temporary, progress, where=where, legacy=legacy)
        sync_to_disk(temporary)
        os.chmod(temporary, PROTECTED)
        os.replace(temporary, to)
        sync_to_disk(to.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _create(path: Path) -> BinaryIO:
    with disk_errors(path.parent):
        try:
            return open(path, "wb", buffering=0)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            return open(path, "wb", buffering=0)


def _write(stream: BinaryIO, chunks: Iterable[bytes], to: Path, progress: Progress) -> tuple[str, int]:
    """Write what comes; returns its md5, in hex, and its size in bytes."""
    write = writing(stream)
    digest, size = hashlib.md5(usedforsecurity=False), 0
    for chunk in chunks:
        digest.update(chunk)
        with disk_errors(to.parent):
            write(chunk)
        size += len(chunk)
        progress.advance(len(chunk))
    return digest.hexdigest(), size


def corrupt(oid: str, where: str) -> CorruptObject:
    """The error for an object whose bytes do not have its hash."""
    return CorruptObject(
        f"object {oid} is corrupt: its content does not have that hash",
        where=where,
        fix="dvc cpv verify --all --deep --repair, in a clone that has a good copy",
    )
