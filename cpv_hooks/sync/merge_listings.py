"""The lists of files that DVC needs to merge folders, brought before its merge driver looks for them in the cache.

`python -m cpv_hooks.sync.merge_listings POINTER FILE…`: a pointer's path, and what each side says it is.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from cpv_hooks.dvcformat.pointer import parse_pointers
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.transfer.objects.fetch_objects import fetch_listing
from cpv_hooks.worktree.discovery import owner


def main(argv: list[str]) -> int:
    """Whatever cannot be had, DVC's driver says what it lacks."""
    file, *sides = argv
    with suppress(CPVError, OSError, UnicodeDecodeError):
        project = owner(Project.find_all(Repo.discover()), file)
        for side in sides:
            for pointer in parse_pointers(Path(side).read_text(encoding="utf-8"), file):
                if project is not None:
                    fetch_listing(project, pointer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
