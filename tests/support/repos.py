"""Model repositories for tests: real Git, real DVC, CPV's hooks."""

from __future__ import annotations

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
    for name, content in (files or {}).items():
        repo.write(name, content)
    if files:
        repo.dvc("add", "-q", *sorted({name.split("/")[0] for name in files}))
    repo.git("add", "-A")
    repo.git("commit", "-q", "-m", "first")
    return repo
