"""The record of an installation: what CPV changed in a repository's Git, and what stood there before."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.errors import CPVError, shell_path
from cpv_hooks.git.repo import Repo
from cpv_hooks.system.atomic_files import TEMPORARY

CHAINED = ".cpv-chained"
LINKS = ("cpv-hooks", "cpv-legacy")
"""Folders beside that of Git's hooks in which shims keep links to hooks that were there before, by their own names."""
ATTRIBUTES = ("*.dvc merge=dvc",)
# For every DVC root, wherever it lies: on a version without DVC nothing else hides its cache from `git clean`. And what
# has to be written beside its place, because no other folder is on the same disk, is no news for `git status`.
EXCLUDED = ("**/.dvc/cache", "**/.dvc/tmp", "**/.dvc/config.local", f"*{TEMPORARY}")


@dataclass
class Manifest:
    """What an installation changed. `config` maps a key to its former value, `files` a file to its former text.

    `other_dirs` hold shims since an earlier installation, when Git looked for hooks there. `common_dir` and `top` are
    where Git's folder and the main work tree lay then.
    """

    identity: str = field(default_factory=lambda: os.urandom(8).hex())
    hooks_dir: str = ""
    other_dirs: list[str] = field(default_factory=list)
    hooks: list[str] = field(default_factory=list)
    chained: list[str] = field(default_factory=list)
    config: dict[str, str | None] = field(default_factory=dict)
    files: dict[str, str | None] = field(default_factory=dict)
    common_dir: str = ""
    top: str = ""

    @classmethod
    def load(cls, repo: Repo) -> Manifest | None:
        """The manifest of this repository; None where CPV is not installed."""
        try:
            return cls(**state_files.read_json(repo.shared / state_files.INSTALL))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            where = str(repo.shared / state_files.INSTALL)
            raise CPVError(
                "the record of the installation is damaged",
                where=where,
                fix=f"rm {shell_path(where)} && dvc cpv install",
            ) from error

    @property
    def all_dirs(self) -> list[Path]:
        """Every folder with shims, from Git's own."""
        return [Path(name) for name in (self.hooks_dir, *self.other_dirs)]

    def data(self) -> bytes:
        """The content of its file."""
        return json.dumps(asdict(self), indent=1).encode()


def from_common(repo: Repo, path: Path) -> str:
    """A path as the manifest has it: from Git's own folder, so that it holds where a repository is moved or copied."""
    inside = path.is_relative_to(repo.common_dir)
    return path.relative_to(repo.common_dir).as_posix() if inside else str(path)
