"""What `init` is asked for, where, and one step of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.console.plan import Effect, Step, Tool
from cpv_hooks.errors import CPVError
from cpv_hooks.git.reason import advised, reason
from cpv_hooks.git.repo import Repo, environment
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.config import Kind, Layout
from cpv_hooks.system.atomic_files import write_atomic


class NewRepository(NamedTuple):
    """Where CPV is set up. `top` is the Git work tree that is there, or None; a `fresh` place gets the skeleton."""

    root: Path
    top: Path | None
    fresh: bool

    @property
    def repo(self) -> Repo:
        """The work tree; only once it is there."""
        return Repo.discover(existing(self.root))

    @property
    def has_dvc(self) -> bool:
        return (self.root / ".dvc").is_dir()


@dataclass(frozen=True)
class InitRequest:
    """What the user asked for, names checked. `artifacts` are the paths to track, for an existing repository."""

    team: str
    model: str
    data_path: str | None = None
    remote: str | None = None
    pipeline: bool = False
    artifacts: Mapping[Kind, Sequence[str]] = field(default_factory=dict)
    layout: Layout | None = None


_TOOLS: dict[str, Tool] = {"git": "git", "dvc": "dvc", "pre-commit": "git"}


def step(text: str, do: Callable[[], object]) -> Step:
    """A step of `init`, which counts as the tool's that its text begins with."""
    return Step(Effect(_TOOLS.get(text.split()[0], "file"), text), do)


def existing(path: Path) -> Path:
    """The path itself, or the nearest folder above it that exists."""
    return next(folder for folder in [path, *path.parents] if folder.is_dir())


def mark_of(root: Path) -> Path:
    """Stands while a new repository is being made, so that a run after a kill goes on with it."""
    return Repo.discover(existing(root)).state / state_files.INIT


def run_command(
    command: Sequence[str | Path], cwd: Path, *, hooks: bool = False, env: Mapping[str, str] | None = None
) -> str:
    """Run a command of a step and return its output; `hooks` lets Git's hooks do CPV's work under it."""
    inherited = environment(env)
    if hooks:
        del inherited["CPV_RUNNING"], inherited["GIT_OPTIONAL_LOCKS"]
    # With hooks, what they say goes straight to the user.
    pipe = None if hooks else subprocess.PIPE
    done = subprocess.run(
        command, cwd=cwd, env=inherited, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=pipe, check=False
    )
    if done.returncode:
        printed = os.fsdecode(done.stderr or done.stdout or b"")
        name = " ".join(str(part) for part in command[:3]).replace(f"{sys.executable} -m ", "")
        raise CPVError(
            f"{name} failed: {reason(printed, done.returncode).removeprefix('ERROR: ')}",
            where=str(cwd),
            fix=advised(printed) or "dvc cpv init again after that",
        )
    return os.fsdecode(done.stdout)


def dvc(*args: str | Path) -> list[str | Path]:
    """A DVC command line by this interpreter's own DVC."""
    return [sys.executable, "-m", "dvc", *args]


def note_begun(place: NewRepository) -> None:
    """Remember that a new repository is being made."""
    write_atomic(mark_of(place.root), b"")


def finish(place: NewRepository) -> None:
    """The new repository is complete."""
    mark_of(place.root).unlink(missing_ok=True)


def file_step(root: Path, name: str, content: bytes) -> Step:
    """The step that writes a file."""
    return step(f"write {name} ({len(content)} bytes)", partial(write_atomic, root / name, content))
