"""A repository with four published versions, made once and copied for each test; its remote and its Git host lie
beside it. `acc` is 0.5, 0.9, 0.7 and 0.8; a commit of code stands between two versions, so that history names content
that no tag does."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from pathlib import Path

from cpv_hooks.console.progress import Progress
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.sync.sync_policy import SYNC
from cpv_hooks.transfer.commits.upload_commits import publish
from cpv_hooks.versions import tags
from support import engine, repos, stand_in
from support.repos import ModelRepo
from support.two_versions import STORAGE, project_of, save

SETTINGS = f"""{repos.SETTINGS}
[artifacts]
model = ["model.bin"]
data = ["data"]
metrics = ["metrics.log"]
"""
ACC = (0.5, 0.9, 0.7, 0.8)
TAGS = tuple(f"v0.{number}" for number in range(4))


def weights(number: int) -> bytes:
    """What `model.bin` is in the version of that number."""
    return f"weights of v0.{number}".encode()


def words(number: int) -> bytes:
    """What one of the two files of the folder `tok` is in it."""
    return f"words of v0.{number}".encode()


def _base(shared: Path) -> Path:
    place = shared / "four-versions"
    with (shared / "four-versions.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            fresh = shared / "four-versions-fresh"
            fresh.mkdir()
            settings = (
                repos.SETTINGS + '[artifacts]\nmodel = ["model.bin"]\ndata = ["data"]\nmetrics = ["metrics.log"]\n'
            )
            repo = repos.make(
                fresh / "it/repo", repos.skeleton(fresh), remote=f"../../{STORAGE}", settings=settings, install=False
            )
            repo.git("branch", "-M", "main")
            repo.write("data/a", "a")
            for number, acc in enumerate(ACC):
                repo.write("tok/shared", "the same in each")
                new = {"model.bin": weights(number), "tok/words": words(number), "metrics.log": f"acc={acc}\n".encode()}
                if number == 0:
                    for name, content in new.items():
                        repo.write(name, content)
                    repo.dvc("add", "-q", "model.bin", "metrics.log", "data", "tok")
                    repo.git("add", "-A")
                    repo.commit("first")
                else:
                    save(repo, new, f"train {number}")
                tags.create_tags(project_of(repo).repo, project_of(repo), None, None, [Line.MODEL])
                if number == 1:
                    repo.write("README.md", "code\n")
                    repo.git("add", "-A")
                    repo.commit("code alone")
            publish(project_of(repo), TAGS, Progress("testing"))
            host = fresh / "it/host.git"
            repo.git("clone", "-q", "--bare", repo.path, host)
            repo.git("remote", "add", "origin", "../host.git")
            repo.git("fetch", "-q")
            repo.git("branch", "-q", "--set-upstream-to=origin/main")
            repo.git("config", "push.followTags", "true")
            (fresh / "it").rename(place)
    return place


def copy(folder: Path, *, hooks: bool = False) -> ModelRepo:
    """A copy with a state and times of its own, all objects as old as they need to be."""
    shutil.copytree(_base(Path(os.environ["CPV_TEST_SHARED"])), folder, dirs_exist_ok=True, symlinks=True)
    repo = ModelRepo(folder / "repo")
    engine.run(repo, SYNC)
    age(folder / STORAGE)
    age(repo.path / ".dvc/cache/files")
    if hooks:
        stand_in.install(repo.path)
    return repo


def clone(repo: ModelRepo, name: str, *, hooks: bool = True) -> ModelRepo:
    """Another person's clone, as plain `git clone` makes it; its cache is empty."""
    repo.git("clone", "-q", repo.path.parent / "host.git", repo.path.parent / name)
    found = ModelRepo(repo.path.parent / name)
    found.git("config", "push.followTags", "true")
    if hooks:
        stand_in.install(found.path)
    return found


def age(folder: Path, days: float = 60) -> None:
    """Let files be that old."""
    moment = time.time() - days * 86_400
    for file in folder.rglob("*"):
        if file.is_file():
            os.utime(file, (moment, moment))
