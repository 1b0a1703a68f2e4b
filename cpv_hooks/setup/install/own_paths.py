"""Absolute paths that the user's settings name inside the repository: they are meant where it lies now.

`git config core.hooksPath "$PWD/.githooks"` names the old place once the repository was moved, and the hooks of another
repository once it was copied.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.linked_worktree import main_top
from cpv_hooks.setup.install.manifest import Manifest

_HOOKS_PATH = "core.hooksPath"


def note_places(repo: Repo, manifest: Manifest) -> None:
    """Note where Git's folder and the main work tree lie as CPV is installed."""
    top = _top(repo)
    manifest.common_dir = str(repo.common_dir)
    manifest.top = str(top) if top else ""


def moved(repo: Repo, manifest: Manifest, value: str) -> str:
    """A setting as it is meant now; what is no path inside the repository's former place stays as it is."""
    for before, now in _moves(repo, manifest):
        path = _below(value, before)
        if path is not None and os.path.lexists(now / path):
            return str(now / path)
    return value


def inside(repo: Repo, value: str) -> bool:
    """Whether a setting is an absolute path inside the repository."""
    top = _top(repo)
    return any(_below(value, str(place)) is not None for place in (repo.common_dir, top) if place)


def word_from(shim: str, folder: Path, path: Path) -> str:
    """How a shim in a folder finds a path beside it, wherever both lie; `shim` is the variable of its own path."""
    return f'"${{{shim}%/*}}"/{shlex.quote(os.path.relpath(_plain(str(path)), folder))}'


def lines_of_script(repo: Repo, manifest: Manifest, value: str) -> tuple[list[str], str]:
    """For a script that works in Git's folder: lines that find a setting's value, and the word for it."""
    quoted = shlex.quote(value)
    if not inside(repo, value):
        return [], quoted
    relative = Path(os.path.relpath(_plain(value), repo.common_dir))
    folder, is_there = shlex.quote(str(relative.parent)), f"[ -e {shlex.quote(str(relative))} ]"
    find = f'former="$(cd {folder} && pwd -P)"/{shlex.quote(relative.name)}'
    is_moved = f'[ "$(pwd -P)" != {shlex.quote(manifest.common_dir)} ]'
    return [f"former={quoted}", f"if {is_moved} && {is_there}; then {find}; fi"], '"$former"'


def _moves(repo: Repo, manifest: Manifest) -> list[tuple[str, Path]]:
    """Where the repository lay, with where it lies now: its Git folder, its main work tree."""
    top = _top(repo)
    common = manifest.common_dir or _former_common(repo)
    before = manifest.top or (common and top and os.path.normpath(Path(common, os.path.relpath(top, repo.common_dir))))
    pairs = ((common, repo.common_dir), (before, top))
    return [(old, now) for old, now in pairs if old and now and old != str(now)]


def _former_common(repo: Repo) -> str:
    """Git's folder as it lay when CPV's hooks were last put in, where no record tells."""
    tail = f"/{state_files.FOLDER}/{state_files.HOOKS}"
    path = repo.run("config", "--local", "--get", _HOOKS_PATH, check=False).rstrip("\n")
    return path.removesuffix(tail) if path.startswith("/") and path.endswith(tail) else ""


def _top(repo: Repo) -> Path | None:
    return main_top(repo) if repo.linked else repo.top


def _below(value: str, place: str) -> Path | None:
    path = _plain(value)
    return path.relative_to(place) if path.is_absolute() and path.is_relative_to(place) else None


def _plain(value: str) -> Path:
    """Its folder as it is without links on the way there: so the repository's own is known."""
    path = Path(os.path.normpath(os.path.expanduser(value)))
    return Path(os.path.realpath(path.parent), path.name) if path.is_absolute() else path
