"""CPV's own files: where they are, and what each is called. No other module spells one of these names.

docs/architecture.md says of each who writes it, who reads it, and what becomes of it when it is lost or damaged.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

FOLDER = "cpv"
"""In the Git directory of each work tree (`Repo.state`), and in the one that they share (`Repo.shared`)."""

# Of each work tree
INDEX = "index.json"
TREES = "trees"
PROJECTS = "projects.json"  # in `Repo.shared` too, for a linked work tree that has none of its own yet
ROOTS = "roots"
LOCK = "lock"
OPERATION = "operation"
CLOCK = "clock"
SINCE = "since"
WATCH = "watch"
STAMP = "stamp"
STAMP_WRITTEN = f"{STAMP}-written"
INDEX_SEEN = "index-seen"
ASKED = "asked"
DEFERRED = "deferred"
AGREED = "agreed"
NO_POINTER = "no-pointer"
COMMITTED = "committed"
NUMBERED = "numbered"
SAID = "said"
ONLY_CPV = "only-cpv"
DETOUR = "detour"
DETOUR_WANTED = "detour-wanted"
DETOUR_INDEX = "detour-index"
COMMIT_INDEX = "commit-index"
RESTAGE = "restage"
COMPLETED = "completed"
INIT = "init"
BY_SHIMS = (INDEX_SEEN, ASKED, DEFERRED, AGREED, NO_POINTER, COMMITTED)
OF_WORK_TREE = frozenset(
    {INDEX, TREES, PROJECTS, ROOTS, LOCK, OPERATION, CLOCK, SINCE, WATCH, STAMP, STAMP_WRITTEN, INDEX_SEEN, ASKED}
    | {DEFERRED, AGREED, NO_POINTER, COMMITTED, NUMBERED, SAID, ONLY_CPV, DETOUR, DETOUR_WANTED, DETOUR_INDEX}
    | {COMMIT_INDEX, RESTAGE, COMPLETED, INIT}
)

# Of the repository
QUEUED = "queued"
QUEUE = "queue.db"
QUEUE_LOCK = f"{QUEUE}.lock"
JOURNAL = "journal"
RESCUES = "rescues.jsonl"
RESCUES_LOCK = "rescues.lock"
PUBLISHED = "published"
MADE = "made"
SENT = "sent"
PUSHES_CHECKED = "pushes-checked"
NO_METRICS = "no-metrics"
HISTORY = "history"
FETCH = "fetch.json"
UPLOADS = "uploads"
S3 = "s3.json"
UPLOAD = "upload-"
EARLY = "early-"
LOCKED = ".lock"
MOVE_LOCK = "move.lock"
RUNS_LOCK = "runs.lock"
STAGES_LOCK = "stages.lock"
RUNS = "runs"  # a folder for each training run, which `runs/run_folder.py` keeps
RANKS = "ranks"  # a folder for each start of a distributed job, which `ranks` keeps
HOOKS_SEEN = "hooks-seen"
BYPASSED = "bypassed"
HOOKS = "hooks"
MERGE_DRIVER = "merge-driver"
INSTALL = "install.json"
UNINSTALLED = "uninstalled.json"
UNINSTALL = "uninstall"
ORIGINAL = "original-"
INSTALLED = "installed-"
SIGNING = "signing-"
OF_REPOSITORY = frozenset(
    {QUEUED, QUEUE, QUEUE_LOCK, f"{QUEUE}.damaged-*", JOURNAL, RESCUES, RESCUES_LOCK, PUBLISHED, MADE, SENT}
    | {
        PUSHES_CHECKED,
        NO_METRICS,
        HISTORY,
        FETCH,
        UPLOADS,
        S3,
        f"{UPLOAD}*{LOCKED}",
        f"{EARLY}*{LOCKED}",
        MOVE_LOCK,
        RUNS,
        RUNS_LOCK,
        STAGES_LOCK,
        RANKS,
    }
    | {HOOKS_SEEN, BYPASSED, HOOKS, MERGE_DRIVER, INSTALL, UNINSTALLED, UNINSTALL, f"{ORIGINAL}*", f"{INSTALLED}*"}
    | {f"{SIGNING}*"}
)

# Of the user
CONFIG = "config.json"
CONFIG_LOCK = ".lock"
TRUSTED = "trusted.json"
UNDELIVERED = "undelivered.json"
CREDENTIALS = "aws_credentials"
LOGS = "logs"
STORAGE = "storage"
REPOSITORIES = "repositories"
CACHE = "cache"
ARTIFACTS = "artifacts"
LOCKS = "locks"
OF_USER = frozenset(
    {CONFIG, CONFIG_LOCK, TRUSTED, UNDELIVERED, CREDENTIALS, LOGS, STORAGE, REPOSITORIES, CACHE, ARTIFACTS, LOCKS}
)

NOWHERE = Path("/nonexistent")
"""The home of a user who has none, as in a container whose uid has no passwd entry: settings are the defaults then."""


def open_file(path: Path) -> BinaryIO:
    """A file, to be read; `OSError` for what is none, such as a pipe, which one would wait at for ever."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        number = errno.EISDIR if stat.S_ISDIR(mode) else errno.ENXIO
        raise OSError(number, os.strerror(number), str(path))
    return os.fdopen(descriptor, "rb")


def read_bytes(path: Path) -> bytes:
    """What is in a file; `OSError` as `open_file`."""
    with open_file(path) as stream:
        return stream.read()


def read_json(path: Path) -> Any:
    """The same of JSON; `ValueError` for what is none, however deep it is."""
    import json

    try:
        return json.loads(read_bytes(path))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def user_home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        return NOWHERE


def cpv_home() -> Path:
    """The folder of personal settings: `CPV_HOME`, or `~/.cpv`."""
    return Path(os.environ.get("CPV_HOME") or user_home() / ".cpv")
