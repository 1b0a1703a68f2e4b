"""Small notes that processes leave for each other: in a folder that they share, or beside the objects of a remote."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from cpv_hooks import state_files
from cpv_hooks.errors import disk_error, disk_errors
from cpv_hooks.system.atomic_files import make_folder, write_atomic

NOTES = f"{state_files.FOLDER}/{state_files.RANKS}"
"""Where they lie below a remote's address, a folder for each start of a distributed job."""
MAX_BYTES = 256 << 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")


class Notes(Protocol):
    """Notes by name, which anyone may replace. Every method raises `CPVError`."""

    def read(self, name: str) -> dict[str, Any] | None:
        """A note; None where there is none, or what is there is no note."""

    def write(self, name: str, value: Mapping[str, object]) -> None:
        """Write a note, whole or not at all."""

    def names(self) -> set[str]:
        """The notes that are there."""

    def remove(self, names: Iterable[str]) -> None:
        """Remove notes; one that is gone already is no error."""


def parse_note(data: bytes) -> dict[str, Any] | None:
    """What a note says."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def is_note(name: str) -> bool:
    """Whether a name is one that a note may have."""
    return _NAME.fullmatch(name) is not None


def old_files(folder: Path, before: float) -> list[tuple[Path, int]]:
    """The notes of all starts below a folder that were written before a time (seconds since the epoch), with their
    bytes. Raises `OSError`."""
    status = [(path, path.lstat()) for path in folder.glob("*/*")]
    return [(path, found.st_size) for path, found in status if found.st_mtime < before]


class FolderNotes:
    """Notes in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> dict[str, Any] | None:
        try:
            path = self._folder / name
            return parse_note(state_files.read_bytes(path)) if path.stat().st_size <= MAX_BYTES else None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise disk_error(error, self._folder) from error

    def write(self, name: str, value: Mapping[str, object]) -> None:
        with disk_errors(self._folder):
            make_folder(self._folder)
            write_atomic(self._folder / name, json.dumps(value).encode())

    def names(self) -> set[str]:
        try:
            return {path.name for path in self._folder.iterdir() if is_note(path.name)}
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise disk_error(error, self._folder) from error

    def remove(self, names: Iterable[str]) -> None:
        with disk_errors(self._folder):
            for name in names:
                (self._folder / name).unlink(missing_ok=True)
