"""Whether anything at all was changed: every file, ref, index entry and object, before and after."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from support.seaweed import Server

# What looking leaves behind: what DVC's configuration says, the folder of DVC's locks, the logs of operations.
_BY_LOOKING = (".git/cpv/projects.json", ".git/cpv/clock", ".dvc/tmp", ".cpv/logs", "dvc-site-cache", "__pycache__")
# A read brings its stat signatures up to date; its entries are compared instead.
_INDEX = ".git/index"


def snapshot(*roots: Path) -> dict[str, str]:
    """Every path below the roots: kind, permissions and content, links as links; and what Git's indexes hold."""
    return {str(path): _what(path) for root in roots for path in _walk(root)}


def _walk(root: Path) -> Iterator[Path]:
    if not os.path.lexists(root) or any(str(root).endswith(f"/{name}") for name in _BY_LOOKING):
        return
    yield root
    if root.is_dir() and not root.is_symlink():
        for name in sorted(os.listdir(root)):
            yield from _walk(root / name)


def _what(path: Path) -> str:
    status = path.lstat()
    mode = f"{stat.filemode(status.st_mode)}"
    if stat.S_ISLNK(status.st_mode):
        return f"{mode} -> {os.readlink(path)}"
    if str(path).endswith(_INDEX):
        return f"{mode} {_entries(path)}"
    return f"{mode} {hashlib.md5(path.read_bytes()).hexdigest()}" if stat.S_ISREG(status.st_mode) else mode


def _entries(index: Path) -> str:
    command = ["git", "--git-dir", str(index.parent), "ls-files", "--stage"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def bucket(server: Server, name: str) -> dict[str, str]:
    """Every object of a bucket and its tag."""
    pages = server.client().get_paginator("list_objects_v2").paginate(Bucket=name)
    return {f"s3://{name}/{item['Key']}": item["ETag"] for page in pages for item in page.get("Contents", [])}


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """One line for each path that came, went or changed."""
    lines = [f"new: {path}" for path in after if path not in before]
    lines += [f"gone: {path}" for path in before if path not in after]
    return lines + [f"changed: {path}" for path in before if path in after and before[path] != after[path]]


@contextmanager
def nothing_changes(*roots: Path) -> Iterator[None]:
    """Fail where the block changes anything below the roots, or in the personal folder apart from its logs."""
    places = (*roots, Path.home())
    before = snapshot(*places)
    yield
    assert differences(before, snapshot(*places)) == []
