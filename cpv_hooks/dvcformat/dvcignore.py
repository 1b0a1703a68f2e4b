"""What of a directory DVC leaves out: `.dvcignore`, nested DVC roots, Git's and DVC's own folders."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from cpv_hooks.errors import CPVError
from cpv_hooks.system.signatures import Filter

IGNORE_FILE = ".dvcignore"


_BY_NAME = re.compile(r"(?!.*\*\*|\*/?$)[^/\\!\[\]\ufffd]+/?")
"""A pattern that a name alone matches, at any depth: `*.tmp`, `__pycache__/`. U+FFFD is a byte that is no UTF-8."""


def filter_for(root: Path, artifact: Path) -> Filter:
    """The filter for an artifact of the DVC root `root`.

    DVC's own matcher is used for the patterns that names alone do not match: its import takes 160 ms.
    """
    said = [(folder, lines) for folder in _folders_between(root, artifact) if (lines := _lines(folder / IGNORE_FILE))]
    if not said:
        return builtin_filter
    if len(said) == 1 and all(map(_BY_NAME.fullmatch, said[0][1])):
        return _name_filter(root, *said[0])
    return _dvc_filter(root)


def _folders_between(root: Path, artifact: Path) -> list[Path]:
    parts = artifact.relative_to(root).parts[:-1]
    return [root.joinpath(*parts[:count]) for count in range(len(parts) + 1)]


def _lines(path: Path) -> list[str]:
    """The patterns of a file, read as DVC does."""
    if not path.is_file():  # a pipe, say, which one would wait at
        return []
    try:
        lines = map(str.strip, path.read_text(encoding="utf-8", errors="replace").split("\n"))
    except OSError:
        return []
    return [line for line in lines if line and not line.startswith("#")]


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


def _name_filter(root: Path, base: Path, patterns: Sequence[str]) -> Filter:
    """What `patterns`, which names alone match, leave of the folders below `base`."""
    of_all = _either([pattern for pattern in patterns if not pattern.endswith("/")])
    of_folders = _either([pattern.removesuffix("/") for pattern in patterns])
    top = f"{os.fspath(base).rstrip('/')}/"

    def keep(folder: str, folders: list[str], files: list[str]) -> tuple[list[str], list[str]]:
        if "\n" in "".join((folder, *folders, *files)):
            return _dvc_filter(root)(folder, folders, files)  # whose regular expressions take it for the end of a path
        folders, files = builtin_filter(folder, folders, files)
        below = f"{folder}/"
        if not below.startswith(top):
            return folders, files
        if any(map(of_folders, filter(None, below[len(top) :].split("/")))):
            return [], []
        return [name for name in folders if not of_folders(name)], [name for name in files if not of_all(name)]

    return keep


def _either(patterns: Iterable[str]) -> Callable[[str], object]:
    words = [re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".") for pattern in patterns]
    return re.compile("|".join(words) or r"(?!)").fullmatch


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
