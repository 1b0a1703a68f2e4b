"""Git's processes: what they inherit, and how they are started.

Every call is silenced: no fsmonitor query, no hook of ours (`CPV_RUNNING`), and none of the `GIT_*` variables that
a hook inherits, because they would point a command at another index or another repository.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from cpv_hooks.console.trace import emit_trace, is_heard
from cpv_hooks.errors import CPVError

# `git rev-parse --local-env-vars`, and the variables that change what a command prints or where it looks.
_LOCAL_VARIABLES = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_CONFIG",
        "GIT_OBJECT_DIRECTORY",
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_GRAFT_FILE",
        "GIT_INDEX_FILE",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_REPLACE_REF_BASE",
        "GIT_PREFIX",
        "GIT_SHALLOW_FILE",
        "GIT_COMMON_DIR",
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_LITERAL_PATHSPECS",
        "GIT_GLOB_PATHSPECS",
        "GIT_NOGLOB_PATHSPECS",
        "GIT_ICASE_PATHSPECS",
        "GIT_QUARANTINE_PATH",
        "GIT_EXTERNAL_DIFF",
        "GIT_REFLOG_ACTION",
        "GIT_EDITOR",
    }
)
SILENCED = (
    "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "-c", "advice.detachedHead=false", "-c", "gc.auto=0",
)  # fmt: skip

inherited: set[int] = set()
"""Open files that Git processes keep open too: the lock of a transaction's journal, which they must not outlive."""


def environment(extra: Mapping[str, str] | None = None, *, keep_index: bool = False) -> dict[str, str]:
    """The environment for a Git (or chained) process of ours.

    `keep_index` keeps `GIT_INDEX_FILE`: inside a commit hook that is the index which the commit is made from.
    """
    env = {key: value for key, value in os.environ.items() if key not in _LOCAL_VARIABLES}
    if keep_index and "GIT_INDEX_FILE" in os.environ:
        env["GIT_INDEX_FILE"] = os.path.abspath(os.environ["GIT_INDEX_FILE"])
    env["CPV_RUNNING"] = "1"
    env["GIT_OPTIONAL_LOCKS"] = "0"
    env["LC_ALL"] = "C"
    env.update(extra or {})
    return env


def execute(
    args: list[str], cwd: Path | None, data: bytes | None, env: Mapping[str, str]
) -> subprocess.CompletedProcess[bytes]:
    if is_heard():
        emit_trace("debug", shlex.join(arg for arg in args if arg not in SILENCED))
    try:
        # Without input the process must not eat the standard input of the hook that we are.
        return subprocess.run(
            args,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL if data is None else None,
            input=data,
            capture_output=True,
            check=False,
            pass_fds=tuple(inherited),
        )
    except FileNotFoundError as error:
        if cwd is not None and not cwd.exists():
            raise CPVError("no such folder", where=str(cwd), fix="cd to a folder that is there") from error
        raise CPVError("git is not on the PATH", fix="install Git 2.28 or later") from error
