"""Links to folders inside a directory artifact.

DVC does not version them: it passes over a link to a folder, and fails on a link that leads nowhere. So a link stays
where it is from version to version while it leads somewhere; one that leads nowhere after a checkout is taken away,
remembered, and put back when its folder is there again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from cpv_hooks.worktree.removal import remove_if_empty
from cpv_hooks.worktree.workspace import Workspace


def set_links_aside(space: Workspace, path: str, names: Iterable[str] | None = None) -> None:
    """Take the links inside an artifact away that lead nowhere: these (relative paths), or all that are found."""
    target = space.target(path)
    if names is None:
        found: set[str] = set()
        space.listing(path, found)
        names = found
    links = {name: os.readlink(target / name) for name in names if os.path.islink(target / name)}
    if not links:
        return
    # Remembered on the disk before they go.
    space.index.links.setdefault(path, {}).update(links)
    space.index.save()
    for name in links:
        os.unlink(target / name)
        folder = os.path.dirname(name)
        while folder and remove_if_empty(f"{target}/{folder}"):
            folder = os.path.dirname(folder)


def put_back(space: Workspace, path: str) -> None:
    """Put the links back whose folder is there again, where nothing else stands in their place."""
    target = space.target(path)
    links = space.index.links.get(path, {})
    # A link may lead to another one.
    while back := [name for name, to in links.items() if _is_back(target, name, to)]:
        for name in back:
            del links[name]
    if not links:
        space.index.links.pop(path, None)


def _is_back(target: Path, name: str, to: str) -> bool:
    """Whether a link is in its place again, or something else is."""
    place = target / name
    if not os.path.lexists(place):
        if not os.path.isdir(place.parent / to) or not place.parent.resolve().is_relative_to(target.resolve()):
            return False
        try:
            os.symlink(to, place)
        except OSError:
            return False
    return True
