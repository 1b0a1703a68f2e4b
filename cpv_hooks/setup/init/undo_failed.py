"""An `init` that fails leaves nothing: what it made is removed, and what it changed is put back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.setup.init.model_repository import NewRepository
from cpv_hooks.system.atomic_files import write_atomic

_IN_GIT = ("config", "index", "info/exclude", "info/attributes")


class _File(NamedTuple):
    data: bytes
    mode: int


@contextmanager
def undone_where_it_fails(place: NewRepository, own: Iterable[Path]) -> Iterator[None]:
    """Do the steps of an `init` inside this block; `own` are the files that it writes in a place that has others."""
    made = [folder for folder in (place.root, *place.root.parents) if not folder.exists()]
    files = _Files(own if not place.fresh else ())
    git = _InGit(place.repo) if place.top is not None else None
    try:
        yield
    except Exception:
        with suppress(OSError):
            if git is not None:
                git.put_back()
            else:
                _remove(place.root / ".git")
            files.put_back()
            for path in list(place.root.iterdir()) if place.fresh and place.root.is_dir() else []:
                if path.name != ".git":
                    _remove(path)
            for folder in made:
                folder.rmdir()
        raise


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class _Files:
    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = {path: _read(path) for path in paths}
        self._folders = {path.parent for path in self._paths if not path.parent.exists()}

    def put_back(self) -> None:
        for path, old in self._paths.items():
            if old is None:
                _remove(path)
            elif _read(path) != old:
                write_atomic(path, old.data)
                path.chmod(old.mode)
        for folder in self._folders:
            _remove(folder)


def _read(path: Path) -> _File | None:
    try:
        return _File(path.read_bytes(), path.stat().st_mode & 0o777)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None


class _InGit:
    """What an `init` changes in a Git directory that was there before: settings, the index, hooks, CPV's folder."""

    def __init__(self, repo: Repo) -> None:
        hooks = repo.run("rev-parse", "--git-path", "hooks").rstrip("\n")
        self._folders = [Path(os.path.join(repo.top, hooks)), repo.shared, repo.state]
        self._there = {path for folder in self._folders for path in folder.rglob("*")}
        kept = {repo.git_dir / name for name in _IN_GIT} | {repo.common_dir / name for name in _IN_GIT}
        self._files = _Files(kept | {path for path in self._there if path.is_file()})

    def put_back(self) -> None:
        self._files.put_back()
        for folder in self._folders:
            for path in sorted(folder.rglob("*"), reverse=True):
                if path not in self._there:
                    _remove(path)
            if folder.is_dir() and not any(folder.iterdir()) and folder.name == state_files.FOLDER:
                folder.rmdir()
