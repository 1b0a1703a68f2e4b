"""The lists of files that DVC needs to merge folders, brought before its merge driver looks for them in the cache.

`python -m cpv_hooks.sync.merge_listings POINTER FILE…`: a pointer's path, and what each side says it is. The exit
status is 1 where a list cannot be had, which is said: DVC's driver cannot join the folders then.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from cpv_hooks.console.output import fail
from cpv_hooks.dvcformat.pointer import Pointer, parse_pointers
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.transfer.objects.fetch_objects import fetch_listing
from cpv_hooks.worktree.discovery import owner


def main(argv: list[str]) -> int:
    """Of a root that CPV does not manage, and of what is no pointer, DVC's driver says what it lacks."""
    file, *sides = argv
    try:
        project = owner(Project.find_all(Repo.discover()), file)
        pointers = list(_pointers(file, sides))
    except (CPVError, OSError, UnicodeDecodeError):
        return 0
    if project is None:
        return 0
    error = next(filter(None, (_not_brought(project, pointer) for pointer in pointers)), None)
    return 0 if error is None else fail(error)


def _pointers(file: str, sides: list[str]) -> Iterator[Pointer]:
    for side in sides:
        yield from parse_pointers(Path(side).read_text(encoding="utf-8"), file)


def _not_brought(project: Project, pointer: Pointer) -> CPVError | None:
    """Why the list of a folder cannot be had."""
    try:
        lacking = fetch_listing(project, pointer)
    except (CPVError, OSError) as error:
        return CPVError(f"folders are not joined: {error}", where=pointer.file, fix="git status")
    if not lacking:
        return None
    from cpv_hooks.project import retired

    found = retired.retirement_of(project.repo, [pointer])
    if found is not None:
        return found.error(pointer.file)
    what = f"folders are not joined: neither the cache nor the remote has {pointer.oid}"
    return CPVError(what, where=pointer.file, fix="dvc push in a clone that still has it")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
