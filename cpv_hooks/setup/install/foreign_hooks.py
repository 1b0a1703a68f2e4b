"""The folder of hooks that another tool named before CPV was installed (`core.hooksPath`)."""

from __future__ import annotations

import os
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.git.repo import Repo
from cpv_hooks.setup.install import own_paths
from cpv_hooks.setup.install.manifest import Manifest
from cpv_hooks.setup.install.shims import is_our_shim


def foreign_hooks_path(repo: Repo, manifest: Manifest, now: str | None) -> str | None:
    """The folder that `core.hooksPath` named before us, from the top; None where Git uses its own.

    `now` is its value.
    """
    own = str(repo.shared / state_files.HOOKS)
    if now and _is_former_own(repo, manifest, now):
        now = own
    if now and os.path.normpath(repo.top / now) != own:
        manifest.config.pop("core.hooksPath", None)
        return os.path.expanduser(own_paths.moved(repo, manifest, now))
    former = manifest.config.get("core.hooksPath")
    if now and former is None and "core.hooksPath" in manifest.config:
        # It was set for all repositories of this user; ask what they would have without us.
        former = repo.run("config", "--global", "--get", "core.hooksPath", check=False).strip() or None
    return os.path.expanduser(own_paths.moved(repo, manifest, former)) if now and former else None


def _is_former_own(repo: Repo, manifest: Manifest, path: str) -> bool:
    """Whether a path was the folder of CPV's hooks of this repository, or of the one it was copied from."""
    is_named_so = (
        Path(path).is_absolute()
        and path.endswith(f"/{state_files.FOLDER}/{state_files.HOOKS}")
        and manifest.hooks_dir != ""
    )
    return is_named_so and (not Path(path).exists() or is_our_shim(Path(path) / "pre-commit"))
