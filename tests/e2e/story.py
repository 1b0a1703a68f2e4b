"""A model repository with a past, the verbs of a user at work in it, and what must be true after each of them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import yaml

from support import stand_in
from support.repos import object_names, skeleton
from support.shell import Result, Shell

Mode = Literal["live", "shims", "pre-commit", "both"]

SETTINGS = """[cpv]
team = "vision"
model = "resnet"
[artifacts]
model = ["model.bin"]
data = ["data"]
metrics = ["metrics.log"]
"""
DVC_CONFIG = "[core]\n    remote = storage\n['remote \"storage\"']\n    url = ../../storage\n    verify = true\n"
# The same sizes in each version, so that nobody can tell a change by the size alone.
FIRST = {"model.bin": "model 1\n", "data/a.csv": "a 1\n", "data/sub/b.csv": "b 1\n", "metrics.log": '{"loss": 1}\n'}
SECOND = {"model.bin": "model 2\n", "data/a.csv": "a 2\n", "metrics.log": '{"loss": 1}\n{"loss": 2}\n'}
TEMPLATE = Path(__file__).parents[2] / "hook-templates/pre-commit-config.yaml"


def md5(content: bytes | str) -> str:
    return hashlib.md5(content.encode() if isinstance(content, str) else content).hexdigest()


def content_id(path: Path) -> str:
    """What a pointer must say of a file or folder, computed by DVC's rules and without DVC."""
    if not path.is_dir():
        return md5(path.read_bytes())
    files = [file for file in path.rglob("*") if file.is_file()]
    rows = [{"md5": md5(file.read_bytes()), "relpath": file.relative_to(path).as_posix()} for file in files]
    return md5(json.dumps(sorted(rows, key=lambda row: row["relpath"]), sort_keys=True)) + ".dir"


@dataclass(frozen=True)
class Story(Shell):
    """`written` holds every content that ever stood in an artifact."""

    mode: Mode = "live"
    written: set[bytes] = field(default_factory=set)

    @property
    def live(self) -> bool:
        return self.mode in ("live", "both")

    @property
    def has_shims(self) -> bool:
        return self.mode != "pre-commit"

    # What a user does

    def put(self, name: str, content: str | bytes) -> None:
        """Write into an artifact, as a training job does."""
        self.written.add(content.encode() if isinstance(content, str) else content)
        self.write(name, content)

    def train(self, number: int) -> None:
        """Change every artifact."""
        self.put("model.bin", f"model {number}\n")
        self.put("data/a.csv", f"a {number}\n")
        self.put("metrics.log", self.read("metrics.log").decode() + f'{{"loss": {number}}}\n')

    def editor(self, script: str, name: str = "editor") -> dict[str, str]:
        """An environment in which Git's editor is this shell script; `$1` is the file to edit."""
        path = self.write(f".git/{name}.sh", f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return {"GIT_EDITOR": str(path), "GIT_SEQUENCE_EDITOR": str(path)}

    # What is there

    def pointers(self) -> list[Path]:
        return sorted(path for path in self.path.rglob("*.dvc") if path.is_file() and ".git" not in path.parts)

    def oid_at(self, rev: str, pointer: str) -> str:
        """The object that a pointer file names in a revision (`""`: in the index)."""
        oid: str = yaml.safe_load(self.git("show", f"{rev}:{pointer}").out)["outs"][0]["md5"]
        return oid

    def saved(self, name: str, content: str, rev: str = "HEAD") -> bool:
        """Whether a commit's pointer names this content."""
        return self.oid_at(rev, f"{name}.dvc") == md5(content)

    def empty_branch(self, name: str) -> None:
        """A branch that shares nothing with the model: no pointers, no DVC."""
        tree = self.git("mktree", input="").out.strip()
        self.git("branch", name, self.git("commit-tree", "-m", "empty", tree).out.strip())

    def branch(self) -> str:
        return self.git("symbolic-ref", "--short", "HEAD").out.strip()

    def reflog(self) -> list[str]:
        return self.git("reflog", "--format=%gs", "HEAD").lines

    def cached(self) -> set[str]:
        return object_names(self.path / ".dvc/cache/files/md5")

    def stored(self) -> set[str]:
        """The objects on the remote."""
        return object_names(self.path.parent / "storage/files/md5")

    def tags_at(self, rev: str = "HEAD") -> list[str]:
        return self.git("tag", "--points-at", rev, "--sort=refname").lines

    # What must be true

    def agree(self, *changes: str) -> None:
        """Pointers name what their artifacts hold, and `git status` lists `changes` and nothing else."""
        self.pointers_are_true()
        found = self.git("status", "--porcelain")
        assert sorted(found.lines) == sorted(changes), found.text
        self.pointers_are_true()

    def pointers_are_true(self) -> None:
        for pointer in self.pointers():
            out = yaml.safe_load(pointer.read_text())["outs"][0]
            artifact = pointer.parent / out["path"]
            assert artifact.exists(), f"{artifact} is missing"
            assert content_id(artifact) == out["md5"], f"{pointer.name} does not name what {artifact.name} holds"
            assert bool(out.get("isexec")) == (artifact.is_file() and os.access(artifact, os.X_OK))

    def nothing_is_lost(self) -> None:
        """Every content that ever stood in an artifact is in the cache, or stands in one."""
        here = {path.read_bytes() for path in self.path.rglob("*") if path.is_file() and ".git" not in path.parts}
        for content in self.written:
            name = md5(content)
            kept = self.path / ".dvc/cache/files/md5" / name[:2] / name[2:]
            held = kept.read_bytes() if kept.exists() else None
            assert held == content or content in here, f"lost: {content!r}"

    def check(self, *changes: str) -> None:
        """The whole agreement of artifact, pointer, index, Git and DVC."""
        self.agree(*changes)
        self.nothing_is_lost()
        assert self.git("fsck", "--full", "--strict", "--no-progress").err == ""
        assert not (self.path / ".git/cpv/detour").exists()
        assert self.git("for-each-ref", "refs/worktree", "refs/cpv").out == ""
        assert self.dvc_status() == {}

    def dvc_status(self) -> dict[str, object]:
        """What `dvc status` finds, asked of DVC's own API: its command line takes most of a second to start."""
        from dvc.repo import Repo

        with Repo(str(self.path)) as repo:
            found: dict[str, object] = repo.status()
            return found


def seed(folder: Path) -> Path:
    """A repository of two checkpoints (v0.0, v0.1) and its remote, without hooks; made once, copied for each test."""
    path = folder / "seed"
    if path.exists():
        return path
    fresh = folder / "fresh"
    shutil.copytree(skeleton(folder), fresh / "repo")
    story = Story(fresh / "repo")
    story.write(".dvc/config", DVC_CONFIG)
    story.write(".cpv.toml", SETTINGS)
    story.write(".pre-commit-config.yaml", TEMPLATE.read_text())
    story.write("train.py", "print('training')\n")
    story.write("notes.txt", "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n")
    install_hooks(story, "live")
    for number, files in enumerate((FIRST, SECOND), start=1):
        for name, content in files.items():
            story.put(name, content)
        story.git("add", "-A")
        story.git("commit", "-q", "-m", f"checkpoint {number}")
    assert story.tags() == ["data-v0.0", "data-v0.1", "v0.0", "v0.1"]
    story.cpv("uninstall")
    fresh.rename(path)
    return path


def install_hooks(story: Story, mode: Mode, real_hooks: bool = stand_in.ALL_REAL) -> None:
    """Put CPV's hooks into a repository: `pre-commit install`, what `dvc cpv install` does, or both."""
    from cpv_hooks.git.repo import Repo
    from cpv_hooks.recovery.guarded_sync import guarded_sync
    from cpv_hooks.sync.sync_policy import SYNC

    if mode in ("pre-commit", "both"):
        stand_in.install_pre_commit(story.path, real_hooks)
    if mode != "pre-commit":
        stand_in.install(story.path, real_hooks)
        guarded_sync(Repo.discover(story.path), SYNC)


def tell(
    base: Path,
    folder: Path,
    mode: Mode,
    settings: str = "",
    files: Mapping[str, str] | None = None,
    hooks: Mapping[str, str] | None = None,
    real_hooks: bool = stand_in.ALL_REAL,
) -> Story:
    """Begin a story from the seed. `settings` are added to `.cpv.toml`, and `files` committed, before CPV is installed.

    `hooks` are shell scripts of the user's, which stand there before as well.
    """
    shutil.copytree(base, folder, symlinks=True, dirs_exist_ok=True)
    contents = {content.encode() for content in (*FIRST.values(), *SECOND.values())}
    story = Story(folder / "repo", mode, contents)
    for name, content in (files or {}).items():
        story.write(name, content)
    if settings or mode == "shims":
        story.write(".cpv.toml", SETTINGS + settings + ("" if mode != "shims" else "[status]\nlive = false\n"))
    if story.changes():
        story.git("add", "-A")
        story.git("commit", "-qm", "Settings")
    for name, body in (hooks or {}).items():
        story.write(f".git/hooks/{name}", f"#!/bin/sh\n{body}\n").chmod(0o755)
    install_hooks(story, mode, real_hooks)
    return story


def refused(result: Result, *words: str) -> None:
    """A command failed and said why, and no program error was shown."""
    assert result.status != 0
    assert "Traceback" not in result.text
    for word in words:
        assert word in result.text, result.text
