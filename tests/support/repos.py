"""Model repositories for tests: real Git, real DVC, CPV's hooks."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from support import stand_in
from support.seaweed import Server
from support.shell import BIN, Shell

SETTINGS = """[cpv]
team = "vision"
model = "resnet"
"""
_FEW = 100
"""So many files are added once and copied; to copy more takes as long as to add them."""


def skeleton(folder: Path) -> Path:
    """An empty repository as `git init` and `dvc init` make it; made once, copied for each test."""
    path = folder / "skeleton"
    if not path.exists():
        fresh = folder / "skeleton-fresh"
        fresh.mkdir()
        subprocess.run(["git", "init", "-q"], cwd=fresh, check=True)
        subprocess.run([BIN / "dvc", "init", "-q"], cwd=fresh, check=True)
        fresh.rename(path)
    return path


def _add(repo: ModelRepo, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        repo.write(name, content)
    repo.dvc("add", "-q", *sorted({name.split("/")[0] for name in files}))


def _tracked(base: Path, files: Mapping[str, str | bytes]) -> Path:
    """The repository with these files after `dvc add`; made once beside `base`, brought into each that has them."""
    name = f"tracked-{hashlib.md5(repr(sorted(files.items())).encode()).hexdigest()}"
    path = base.parent / name
    if not path.exists():
        fresh = ModelRepo(base.parent / f"{name}-fresh")
        shutil.copytree(base, fresh.path)
        _add(fresh, files)
        shutil.rmtree(fresh.path / ".git")
        fresh.path.rename(path)
    return path


def _bring(source: Path, to: Path) -> None:
    """Copy what is not there yet, with modes and without times: as new as if it had been made there."""
    for path in sorted(source.rglob("*")):
        target = to / path.relative_to(source)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        elif not target.exists():
            shutil.copy(path, target)


def remote_settings(remote: str | Path, server: Server | None) -> tuple[str, str]:
    """The texts of `.dvc/config` and `.dvc/config.local` for a default remote called `storage`."""
    public = f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {remote}\n"
    if server is None:
        return public, ""
    public += f"    endpointurl = {server.endpoint_url}\n    region = {server.region}\n"
    keys = f"    access_key_id = {server.access_key}\n    secret_access_key = {server.secret_key}\n"
    return public, f"['remote \"storage\"']\n{keys}"


class ModelRepo(Shell):
    """A repository with CPV's hooks, and a few verbs that tests use all the time."""

    def track(self, *names: str) -> None:
        """Hand paths to DVC, as `dvc add` does, without a commit."""
        self.dvc("add", "-q", *names)
        self.git("add", "-A")

    def objects(self) -> set[str]:
        """The object names (`<md5>` or `<md5>.dir`) in the cache."""
        return object_names(self.path / ".dvc/cache/files/md5")


def object_names(store: Path) -> set[str]:
    """The object names below a DVC 3 `files/md5` folder."""
    return {path.parent.name + path.name for path in store.glob("??/*")}


def make(
    path: Path,
    base: Path,
    *,
    remote: str | Path | None,
    server: Server | None = None,
    settings: str = SETTINGS,
    install: bool = True,
    real_hooks: bool = stand_in.ALL_REAL,
    files: Mapping[str, str | bytes] | None = None,
) -> ModelRepo:
    """Make a repository with these settings and files; `files` are added to DVC and committed.

    The hooks are installed before the first commit, so that it is a checkpoint like every other. They start a Python of
    their own, unless `real_hooks` is false (`stand_in`).
    """
    shutil.copytree(base, path)
    repo = ModelRepo(path)
    if remote is not None:
        public, secret = remote_settings(remote, server)
        repo.write(".dvc/config", public)
        if secret:
            repo.write(".dvc/config.local", secret)
    repo.write(".cpv.toml", settings)
    if install:
        stand_in.install(path, real_hooks)
    if files and len(files) <= _FEW:
        _bring(_tracked(base, files), path)
    elif files:
        _add(repo, files)
    repo.git("add", "-A")
    repo.git("commit", "-q", "-m", "first")
    return repo
