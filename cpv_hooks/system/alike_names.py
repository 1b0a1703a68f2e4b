"""Names that are one name on some disks: macOS and Windows do not tell case apart, and macOS does not tell apart how
letters are composed.

The rule is a function of text alone; `tells_apart` asks the disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from cpv_hooks.errors import CPVError


def spelled_alike(name: str) -> str:
    """What all spellings have in common that such a disk takes for one name."""
    if name.isascii():
        return name.lower()
    import unicodedata

    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def alike(paths: Iterable[str], there: Iterable[str] = ()) -> dict[str, str]:
    """The paths that cannot stand beside an earlier one, or beside one that is `there`, and that one, or its folder."""
    spellings: dict[str, str] = {}
    found: dict[str, str] = {}
    for path in dict.fromkeys((*there, *paths)):
        folders = [path[:at] for at, letter in enumerate(path) if letter == "/"]
        keys = [(part, spelled_alike(part)) for part in (*folders, path)]
        other = next((spellings[key] for part, key in keys if spellings.get(key, part) != part), None)
        if other is None:
            spellings.update((key, part) for part, key in keys)
        else:
            found[path] = other
    return found


def tells_apart(folder: Path) -> bool:
    """Whether the disk of a folder, which may not be there yet, tells names in upper and lower case apart."""
    there = next(path for path in (folder, *folder.parents) if path.is_dir())
    try:
        # By a name inside it: the name of a mount is another disk's.
        with os.scandir(there) as entries:
            name = next((entry.name for entry in entries if entry.name.swapcase() != entry.name), None)
            return name is None or not os.path.samefile(there / name, there / name.swapcase())
    except OSError:
        return True


def one_name(where: str, found: Mapping[str, str], *, left_out: bool = False) -> CPVError:
    """The line for the paths that cannot stand beside another one, as `alike` found them in some place."""
    path, other = min(found.items())
    what = f"this disk takes {path} and {other} for one name"
    if left_out:
        what += f", so {path} is left out" if len(found) == 1 else f", so {path} and {len(found) - 1} more are left out"
    return CPVError(what, where=where, fix="rename one of them, on a disk that tells them apart")
