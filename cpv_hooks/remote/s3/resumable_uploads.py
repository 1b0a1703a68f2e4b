"""Uploads in parts that were begun and not ended, so that the next run goes on with them.

One small file for each, locked by the process that is at work on it: two processes never share an upload, since not
every server takes it well when a part is replaced while the object is made. A note holds the upload's id and a digest
of the parameters it was begun with, and no secret.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cpv_hooks.system.atomic_files import make_folder
from cpv_hooks.system.locks import lock_at_once

_FORGOTTEN = 30 * 24 * 3600.0
"""Seconds after which nobody goes on with an upload; `dvc cpv prune --remote` removes it from the server sooner."""


class Note:
    """What is remembered of one upload; without a descriptor nothing is."""

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = descriptor

    @property
    def is_kept(self) -> bool:
        """Whether a later run will find what is noted."""
        return self._descriptor is not None

    def upload(self, parameters: str) -> tuple[str | None, str | None]:
        """The id of the upload to go on with, and of one whose parameters were others, which must be aborted."""
        if self._descriptor is None:
            return None, None
        try:
            noted = json.loads(os.pread(self._descriptor, 1 << 16, 0))
            upload_id, begun_with = str(noted["upload"]), noted["parameters"]
        except (OSError, ValueError, KeyError, TypeError):
            return None, None
        return (upload_id, None) if begun_with == parameters else (None, upload_id)

    def write(self, upload_id: str, parameters: str) -> None:
        """Note an upload. A disk that refuses only means that it cannot be gone on with."""
        if self._descriptor is None:
            return
        data = json.dumps({"upload": upload_id, "parameters": parameters}).encode()
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, data, 0)
        except OSError:
            self._descriptor = None

    def clear(self) -> None:
        """Forget the upload: it is ended."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.ftruncate(self._descriptor, 0)


class Unfinished:
    """The notes in a folder; with None, nothing is remembered."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    @contextmanager
    def claim(self, *names: str) -> Iterator[Note]:
        """The note of an upload (named by its remote, key and content), locked for the length of a block.

        While another process holds it, and where the disk refuses, it is a note that remembers nothing.
        """
        path = self._folder / hashlib.sha256("\n".join(names).encode()).hexdigest() if self._folder else None
        descriptor = _locked(path) if path is not None else None
        if path is None or descriptor is None:
            yield Note()
            return
        try:
            yield Note(descriptor)
        finally:
            with suppress(OSError):
                if not os.fstat(descriptor).st_size:
                    path.unlink(missing_ok=True)
            os.close(descriptor)


def _locked(path: Path) -> int | None:
    try:
        make_folder(path.parent)
        _sweep(path.parent)
    except OSError:
        return None
    return lock_at_once(path)


def _sweep(folder: Path) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.stat(follow_symlinks=False).st_mtime < time.time() - _FORGOTTEN:
                os.unlink(entry.path)


def digest_of(parameters: Mapping[str, Any]) -> str:
    """A digest that changes with what an object is stored with."""
    return hashlib.sha256(json.dumps(parameters, sort_keys=True, default=repr).encode()).hexdigest()
