"""A submodule's cache lies in its Git directory, `dvc/` there, because Git removes the rest without asking anybody.

`git submodule deinit`, and `git rm` of a submodule, take its folder with all that is ignored in it, DVC's cache too,
and run no hook of the submodule's. Its Git directory stays, or is saved into the superproject's before.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def move_into_git(own: Path, home: Path) -> bool:
    """Move a cache to where it outlives its work tree; False where that is another disk, or `own` one of its own.

    What stays is a link: links of the work tree may lead through it (`cache.type = symlink`), and a DVC that has just
    read its settings writes through it. A kill between the two steps leaves the cache in its new place, which the next
    run finds.
    """
    if not home.is_dir():
        home.parent.mkdir(parents=True, exist_ok=True)
        if own.is_dir():
            try:
                os.rename(own, home)
            except OSError:
                return False
    with suppress(FileExistsError):  # what was made there since is taken over, and stays
        own.symlink_to(os.path.relpath(home, own.parent), target_is_directory=True)
    return True
