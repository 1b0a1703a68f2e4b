"""Where a step that was brought back lies, for frameworks that go on from a path."""

from __future__ import annotations

import filecmp
import os
import shutil
from pathlib import Path

from cpv_hooks.console.output import say


def keep_restored(folder: Path) -> Path:
    """Let a folder that `resume` has given stay after it, under the name that is returned."""
    kept = folder.with_name(f"{folder.name}-kept")
    shutil.rmtree(kept, ignore_errors=True)
    folder.rename(kept)
    return kept


def place_restored(folder: Path, target: Path) -> None:
    """Move such a folder to where the framework looks for it; what is there and is not the same is set aside."""
    if target.exists():
        if _is_same(folder, target):
            return
        aside = target.with_name(f"replaced-{target.name}-{os.urandom(4).hex()}")
        target.rename(aside)
        say(f"{target} is not what the run saved; it is {aside.name} now")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}-{os.urandom(4).hex()}")
    shutil.move(folder, temporary)  # perhaps to another file system
    temporary.rename(target)


def _is_same(one: Path, other: Path) -> bool:
    names = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    if names != sorted(path.relative_to(other) for path in other.rglob("*") if path.is_file()):
        return False
    return all(filecmp.cmp(one / name, other / name, shallow=False) for name in names)
