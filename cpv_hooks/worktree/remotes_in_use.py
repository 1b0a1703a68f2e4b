"""The DVC remotes that the outputs of a work tree belong on."""

from __future__ import annotations

from collections.abc import Iterable

from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.project.project import Project
from cpv_hooks.worktree.pointer_files import readable_pointers


def remote_names(project: Project, pointers: Iterable[Pointer] | None = None) -> list[str | None]:
    """Their names, the default one first: None stands for it where none is configured and every output needs it.

    By default the pointers are read from the disk.
    """
    if pointers is None:
        pointers = (pointer for pointer in readable_pointers(project.repo) if project.holds(pointer.file))
    found = dict.fromkeys(map(project.remote_name_of, pointers))
    first = project.remote_name
    return [first, *(name for name in found if name != first)] if first or not found else list(found)
