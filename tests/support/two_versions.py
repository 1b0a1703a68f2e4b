"""A repository with two published versions, made once and copied for each test; its remote lies beside it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from pathlib import Path

from cpv_hooks.console.progress import Progress
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.pointers_at import pointers_at
from cpv_hooks.project.project import Project
from cpv_hooks.sync.sync_policy import SYNC
from cpv_hooks.transfer.commits.upload_commits import publish
from support import engine, repos
from support.repos import ModelRepo
from support.shell import Shell

FILES = {"model.bin": b"weights", "data/a": "a", "data/sub/b": "b", "metrics.log": "loss=1\n"}
SECOND = {"model.bin": b"heavier weights", "data/a": b"changed"}
STORAGE = "storage/vision/resnet"


def _base(shared: Path) -> Path:
    """The commits v0.0 and v0.1 on `main`, without hooks; made by whichever worker comes first."""
    place = shared / "two-versions"
    with (shared / "two-versions.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            fresh = shared / "two-versions-fresh"
            fresh.mkdir()
            skeleton = repos.skeleton(fresh)
            repo = repos.make(fresh / "it/repo", skeleton, remote=f"../../{STORAGE}", install=False, files=FILES)
            repo.git("tag", "v0.0")
            save(repo, SECOND)
            repo.git("tag", "v0.1")
            publish(project_of(repo), ["v0.0", "v0.1"], Progress("testing"))
            (fresh / "it").rename(place)
    return place


def copy(folder: Path) -> ModelRepo:
    """A copy with a state and times of its own."""
    shutil.copytree(_base(Path(os.environ["CPV_TEST_SHARED"])), folder, dirs_exist_ok=True, symlinks=True)
    engine.run(ModelRepo(folder / "repo"), SYNC)
    return ModelRepo(folder / "repo")


def save(repo: Shell, files: dict[str, bytes], message: str = "work") -> str:
    """Write files of artifacts and commit their new pointers; returns the commit."""
    for name, content in files.items():
        repo.write(name, content)
    engine.run(repo, SYNC)
    repo.git("add", "-A")
    return repo.commit(message)


def project_of(repo: Shell) -> Project:
    return Project.open(Repo.discover(repo.path), repo.path)


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def oid_of(repo: Shell, path: str, rev: str = "HEAD") -> str:
    """The object that a commit's pointer of an artifact names."""
    return next(item.oid for item in pointers_at(project_of(repo), rev) if item.path == path and item.oid)


def cached(repo: Shell, oid: str) -> Path:
    return repo.path / ".dvc/cache/files/md5" / oid[:2] / oid[2:]


def stored(repo: Shell, oid: str) -> Path:
    return repo.path.parent / STORAGE / "files/md5" / oid[:2] / oid[2:]


def spoil(path: Path, content: bytes) -> None:
    """Put other bytes in an object's place, write-protected like any other."""
    os.chmod(path, 0o644)
    path.write_bytes(content)
    os.chmod(path, 0o444)
