"""A model repository with versions, its storage, and files around it: what bad input must not change."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from support import inside, repos
from support.repos import ModelRepo
from support.shell import Result, Shell
from support.unchanged import nothing_changes


@dataclass(frozen=True)
class World:
    """`repo` has the versions v0.0, v0.1 and data-v0.0; `outside` has `new.bin`, `data/` and `empty/`."""

    root: Path

    @property
    def repo(self) -> ModelRepo:
        return ModelRepo(self.root / "repo")

    @property
    def outside(self) -> Shell:
        return Shell(self.root / "outside")

    def copy(self, to: Path) -> World:
        """The same, elsewhere: the storage is named relative to the repository."""
        shutil.copytree(self.root, to, symlinks=True)
        return World(to)

    def add_trouble(self) -> None:
        """Files that nobody could upload, and AWS keys of which one pair is halved."""
        os.mkfifo(self.outside.path / "pipe")
        (self.outside.path / "link").symlink_to("gone")
        keys = "[default]\naws_access_key_id = a\naws_secret_access_key = b\n[half]\naws_access_key_id = a\n"
        self.outside.write("keys", keys).chmod(0o600)

    def told(self, text: str) -> str:
        """A message with this world's folders in it."""
        return text.replace("{repo}", str(self.root / "repo")).replace("{root}", str(self.root))

    def refused(self, args: tuple[str, ...], said: str, *, status: int = 1, folder: str = "repo") -> Result:
        """Run a command that must say this one line, end so, and change nothing at all."""
        words = [self.told(arg) for arg in args]
        with nothing_changes(self.root):
            done = inside.cpv(self.root / folder, *words)
        assert "Traceback" not in done.text, done.text
        assert done.err == f"cpv: {self.told(said)}\n", done.text
        assert (done.status, done.out) == (status, "")
        return done


def build(folder: Path) -> World:
    """Make the one that the tests copy."""
    from cpv_hooks.project.project import Project
    from cpv_hooks.project.tag_schemes import Line
    from cpv_hooks.versions import tags
    from support.engine import git_repo

    world = World(folder / "world")
    world.root.mkdir()
    for name, content in {"new.bin": "three", "data/a": "2", "data/b": "3"}.items():
        world.outside.write(name, content)
    (world.outside.path / "empty").mkdir()
    (world.root / "nowhere").mkdir()
    base, files = repos.skeleton(folder), {"model.bin": "one", "data/a": "1", "metrics.log": "loss=1\n"}
    model = repos.make(world.repo.path, base, remote="../../storage", install=False, files=files)
    model.write("train.py", "pass\n")
    model.git("add", "train.py")
    model.commit("train")
    repo, both = git_repo(model), (Line.MODEL, Line.DATA)
    tags.create_tags(repo, Project.find_all(repo)[0], None, None, both)
    model.write("model.bin", "two")
    model.dvc("add", "-q", "model.bin")
    model.commit("second", "-a")
    tags.create_tags(repo, Project.find_all(repo)[0], None, None, both[:1])
    model.dvc("push", "-q", "--all-commits")
    return world
