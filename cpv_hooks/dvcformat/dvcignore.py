"""What of a directory DVC leaves out: `.dvcignore`, nested DVC roots, Git's and DVC's own folders."""

from __future__ import annotations

import os
from pathlib import Path

from cpv_hooks.errors import CPVError
from cpv_hooks.system.signatures import Filter

IGNORE_FILE = ".dvcignore"


def filter_for(root: Path, artifact: Path) -> Filter:
    """The filter for an artifact of the DVC root `root`.

    DVC's own matcher is used where a `.dvcignore` says something; without one its built-in patterns are all there is,
    and its import (160 ms) is saved.
    """
    if any(_says_something(folder / IGNORE_FILE) for folder in _folders_between(root, artifact)):
        return _dvc_filter(root)
    return builtin_filter


def _folders_between(root: Path, artifact: Path) -> list[Path]:
    parts = artifact.relative_to(root).parts[:-1]
    return [root.joinpath(*parts[:count]) for count in range(len(parts) + 1)]


def _says_something(path: Path) -> bool:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(line.strip() and not line.strip().startswith("#") for line in lines)


def _refuse_inside(folder: str, files: list[str]) -> None:
    if IGNORE_FILE in files:
        # DVC refuses it too (IgnoreInCollectedDirError): the ignored files would depend on the artifact's version.
        where = f"{folder}/{IGNORE_FILE}"
        what = f"{IGNORE_FILE} inside an artifact"
        raise CPVError(what, where=where, fix=f"move its lines to the {IGNORE_FILE} at the DVC root")


def builtin_filter(folder: str, folders: list[str], files: list[str]) -> tuple[list[str], list[str]]:
    """What DVC takes of a folder where no `.dvcignore` says anything."""
    _refuse_inside(folder, files)
    kept = [
        name for name in folders if name not in (".git", ".hg", ".dvc") and not os.path.exists(f"{folder}/{name}/.dvc")
    ]
    if ".git" in files:
        files = [name for name in files if name != ".git"]
    return kept, files


def _dvc_filter(root: Path) -> Filter:
    from dvc.fs import localfs
    from dvc.ignore import DvcIgnoreFilter

    def refuse(error: UnicodeDecodeError) -> CPVError:
        return CPVError(f"a {IGNORE_FILE} is not UTF-8 (byte {error.start})", where=str(root), fix="save it as UTF-8")

    try:
        matcher = DvcIgnoreFilter(localfs, os.fspath(root))
    except UnicodeDecodeError as error:
        raise refuse(error) from error

    def keep(folder: str, folders: list[str], files: list[str]) -> tuple[list[str], list[str]]:
        _refuse_inside(folder, files)
        try:
            kept_folders, kept_files = matcher(folder, folders, files)
        except UnicodeDecodeError as error:
            raise refuse(error) from error
        return list(kept_folders), list(kept_files)

    return keep


def is_dvcignored(root: Path, path: Path) -> bool:
    """Whether `.dvcignore` hides the artifact itself."""
    folder, name = os.fspath(path.parent), path.name
    keep = filter_for(root, path)
    folders, files = keep(folder, [name], []) if path.is_dir() else keep(folder, [], [name])
    return name not in (folders or files)
