"""A folder for files on their way in, on the disk of the repository, so that links to them cost nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "cpv-migrate-"


@contextmanager
def scratch_folder(place: Path) -> Iterator[Path]:
    """A new folder in `place` for the length of a block. Those that killed processes left go."""
    for left in place.glob(f"{_PREFIX}*-*"):
        if not _is_running(left.name.removeprefix(_PREFIX).partition("-")[0]):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-", dir=place) as folder:
        yield Path(folder)


def _is_running(number: str) -> bool:
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OSError):
        pass  # somebody else's
    return True
