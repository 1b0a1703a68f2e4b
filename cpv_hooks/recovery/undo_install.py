"""Undoing what an installation changed in Git's own folder: files, renamed hooks, and settings of the repository."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cpv_hooks.errors import disk_errors
from cpv_hooks.git.repo import Repo
from cpv_hooks.system.atomic_files import write_atomic


def git_file(name: str, before: bytes | None, after: bytes | None, mode: int) -> Mapping[str, Any]:
    """A file, relative to the common Git directory: its content before and after (None: no such file), its old mode."""
    return {
        "do": "git-file",
        "path": name,
        "before": None if before is None else base64.b64encode(before).decode("ascii"),
        "after": None if after is None else hashlib.sha256(after).hexdigest(),
        "mode": mode,
    }


def move(source: str, target: str) -> Mapping[str, Any]:
    """A file that gets another name; both relative to the common Git directory."""
    return {"do": "move", "from": source, "to": target}


def setting(key: str, before: Sequence[str], after: str | None) -> Mapping[str, Any]:
    """A key of the repository's own configuration: all its values before, and the one after (None: not set)."""
    return {"do": "setting", "key": key, "before": list(before), "after": after}


def undo_install(repo: Repo, action: Mapping[str, Any]) -> None:
    """Carry one out, where what it is about still is what the installation made of it."""
    with disk_errors(repo.common_dir, by_name=True):
        if action["do"] == "git-file":
            _undo_file(repo.common_dir / action["path"], action)
        elif action["do"] == "move":
            _undo_move(repo.common_dir / action["from"], repo.common_dir / action["to"])
        else:
            _undo_setting(repo, action)


def _undo_file(path: Path, action: Mapping[str, Any]) -> None:
    now = path.read_bytes() if path.is_file() else None
    if (None if now is None else hashlib.sha256(now).hexdigest()) != action["after"]:
        return
    if action["before"] is None:
        path.unlink(missing_ok=True)
    else:
        write_atomic(path, base64.b64decode(action["before"]), durable=True)
        path.chmod(action["mode"])


def _undo_move(source: Path, target: Path) -> None:
    if os.path.lexists(target) and not os.path.lexists(source):
        os.replace(target, source)


def config_values(repo: Repo, key: str) -> list[str]:
    """All values of a key in the repository's own configuration."""
    return repo.run("config", "--local", "-z", "--get-all", key, check=False).split("\0")[:-1]


def set_values(repo: Repo, key: str, wanted: Sequence[str]) -> None:
    """Give a key of the repository's own configuration exactly these values."""
    if not wanted:
        if config_values(repo, key):
            repo.run("config", "--local", "--unset-all", key)
        return
    repo.run("config", "--local", "--replace-all", key, wanted[0])
    for value in wanted[1:]:
        repo.run("config", "--local", "--add", key, value)


def _undo_setting(repo: Repo, action: Mapping[str, Any]) -> None:
    made = [] if action["after"] is None else [action["after"]]
    if config_values(repo, action["key"]) == made != action["before"]:
        set_values(repo, action["key"], action["before"])
