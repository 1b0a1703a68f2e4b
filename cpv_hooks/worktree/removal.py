"""Taking an artifact's files out of the work tree; whoever asks has made them safe."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from cpv_hooks.errors import CPVError


def remove_artifact(target: Path, names: list[str] | None) -> None:
    """Take an artifact out of the work tree; of a directory only the named files, and folders left empty."""
    if names is None:
        target.unlink(missing_ok=True)
        return
    remove_files(target, names)
    if target.is_dir() and not any(target.iterdir()):
        target.rmdir()


def remove_files(root: Path, names: Iterable[str]) -> None:
    """Remove files below a folder, and the folders between that are empty then; what lies behind a link is not ours."""
    real: dict[str, bool] = {"": not root.is_symlink()}
    for name in names:
        if _is_real(root, name.rpartition("/")[0], real):
            with suppress(FileNotFoundError):
                os.unlink(f"{root}/{name}")
    for folder in sorted(real, key=lambda name: name.count("/"), reverse=True):
        if folder and real[folder]:
            remove_if_empty(f"{root}/{folder}")


def _is_real(root: Path, folder: str, known: dict[str, bool]) -> bool:
    """Whether no step from `root` down to a folder is a link; each is looked at once."""
    if folder not in known:
        above = _is_real(root, folder.rpartition("/")[0], known)
        known[folder] = above and not os.path.islink(f"{root}/{folder}")
    return known[folder]


def remove_if_empty(folder: str | Path) -> bool:
    """Remove a folder, unless something is in it; whether that was done."""
    try:
        os.rmdir(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR):
            raise
        return False
    return True


def remove_empty_parents(top: Path, path: str) -> None:
    """Remove the folders above an artifact that are empty now, as Git does, but none that somebody is in."""
    # Git names the folder that its command was given in; hooks run at the top.
    stays = {Path.cwd(), top / os.environ.get("GIT_PREFIX", "")}
    for folder in (top / path).parents:
        inside = any(each == folder or folder in each.parents for each in stays)
        if folder == top or inside or folder.is_symlink() or not remove_if_empty(folder):
            return


def remove_empty_folders(target: Path) -> None:
    """Make way for a file; a folder that still holds something stays, and is named."""
    for folder, _, files in os.walk(target, topdown=False):
        if files:
            raise CPVError(
                "a folder with files that CPV does not know is in its place",
                where=str(target),
                fix=f"move {target} away",
            )
        os.rmdir(folder)
