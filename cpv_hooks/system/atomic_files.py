"""Files that are either the old or the new one, whatever happens in between."""

from __future__ import annotations

import os
from pathlib import Path


def write_atomic(path: Path, data: bytes, *, mode: int = 0o666, durable: bool = False) -> None:
    """Replace a file in one step, keeping the umask. With `durable` it is on the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = beside(path)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        sync(path.parent)


def beside(path: Path) -> Path:
    """A name for a temporary file in the same folder: short, because the file's own may be as long as one can be."""
    return path.with_name(f".{os.urandom(8).hex()}.cpv-tmp")


def sync(path: str | Path) -> None:
    """Make what a file holds durable, or of a folder the renames in it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
