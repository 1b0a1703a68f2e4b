"""Another name for a file, so that what its writer does with the first one takes nothing away."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name; where that cannot be (another file system), copy it. Raises `OSError`."""
    with suppress(OSError):
        os.link(source, target, follow_symlinks=False)
        return
    copy_file(source, target)


def link_tree(source: Path, target: Path) -> None:
    """Do so with all files of a folder, into one that is there and empty. Raises `OSError`."""
    for folder, _, names in os.walk(source):
        inside = target / os.path.relpath(folder, source)
        inside.mkdir(exist_ok=True)
        for name in names:
            link_or_copy(Path(folder, name), inside / name)


def copy_file(source: Path, target: Path) -> None:
    """Copy content and mode; a symbolic link stays one. Raises `OSError`."""
    shutil.copyfile(source, target, follow_symlinks=False)
    shutil.copymode(source, target, follow_symlinks=False)
