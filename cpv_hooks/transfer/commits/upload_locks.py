"""The locks of those who upload: at most one background worker and one early upload for each DVC root."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.git.detached_process import spawn
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project, root_key
from cpv_hooks.system.locks import locked, write_note


@contextmanager
def working(project: Project) -> Iterator[None]:
    """Be the worker of a DVC root; raises `lock.Busy` at once where there is one."""
    root = root_key(project)
    path = lock_file(project.repo, root)
    with locked(path, wait=False, say="uploading") as descriptor:
        write_note(descriptor, json.dumps({"root": root, "process": os.getpid(), "since": time.time()}))
        yield


def lock_file(repo: Repo, root: str, prefix: str = state_files.UPLOAD) -> Path:
    """The file that the process at work on a DVC root locks."""
    name = hashlib.sha256(root.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return repo.shared / f"{prefix}{name}{state_files.LOCKED}"


def start_worker(project: Project) -> int:
    """Start a worker for a DVC root, which ends at once where another one is at work; returns its process id."""
    return spawn("cpv_hooks.transfer.commits.background_worker", project.root)
