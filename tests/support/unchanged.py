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

# What looking leaves behind: what DVC's configuration says, how S3 is asked, the folder of DVC's locks.
_STATE = tuple(f".git/cpv/{name}" for name in ("projects.json", "clock", "s3.json"))
_BY_LOOKING = (*_STATE, ".dvc/tmp", "/dvc-site-cache", "/__pycache__")
# Of the personal folder: the logs, and the files that are locked while one looks.
_OF_OURS = ("/.cpv/logs", "/.cpv/locks", ".lock")
# A read brings its stat signatures up to date; its entries are compared instead.
_INDEX = ".git/index"


def snapshot(*roots: Path) -> dict[str, str]:
    """Every path below the roots: kind, permissions and content, links as links; and what Git's indexes hold."""
    return {str(path): _what(path) for root in roots for path in _walk(root, _BY_LOOKING)}


def personal() -> dict[str, str]:
    """Every file of the home, apart from logs and locks; folders come with the files in them."""
    found = _walk(Path.home(), (*_BY_LOOKING, *_OF_OURS))
    return {str(path): _what(path) for path in found if path.is_symlink() or not path.is_dir()}


def _walk(root: Path, without: tuple[str, ...]) -> Iterator[Path]:
    if not os.path.lexists(root) or str(root).endswith(without):
        return
    yield root
    if root.is_dir() and not root.is_symlink():
        for name in sorted(os.listdir(root)):
            yield from _walk(root / name, without)


def _what(path: Path) -> str:
    status = path.lstat()
    mode = f"{stat.filemode(status.st_mode)}"
    if stat.S_ISLNK(status.st_mode):
        return f"{mode} -> {os.readlink(path)}"
    if str(path).endswith(_INDEX):
        return f"{mode} {_entries(path)}"
    return f"{mode} {hashlib.md5(path.read_bytes()).hexdigest()}" if stat.S_ISREG(status.st_mode) else mode


def _entries(index: Path) -> str:
    # Without CPV's own query, which would bring its state up to date.
    command = ["git", "-c", "core.fsmonitor=false", "--git-dir", str(index.parent), "ls-files", "--stage"]
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
    """Fail where the block changes anything below the roots, or in the home apart from logs."""
    before = snapshot(*roots) | personal()
    yield
    changed = differences(before, snapshot(*roots) | personal())
    assert not changed, changed
