"""The pre-commit framework's configuration, as far as CPV's shims care."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from cpv_hooks.git.repo import Repo
from cpv_hooks.system.locks import ancestors


def runs_us() -> bool:
    """Whether the pre-commit framework, or prek in its place, started this hook."""
    return "PRE_COMMIT" in os.environ


def framework_name() -> str:
    """Which of the two it was."""
    return "prek" if "PREK_HOOK_STAGE" in os.environ else "pre-commit"


def set_aside(repo: Repo) -> dict[str, bool]:
    """The files whose unstaged changes pre-commit has taken out of the work tree while its hooks run; of each whether
    it was removed.

    It keeps them in `patch<time>-<its process id>` in its own folder (`pre_commit.staged_files_only`), prek in
    `patches/<time>-<its process id>.patch`.
    """
    is_prek = framework_name() == "prek"
    named = os.environ.get("PREK_HOME" if is_prek else "PRE_COMMIT_HOME")
    folder = Path(named or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", framework_name())).expanduser()
    pattern = "patches/*-{}.patch" if is_prek else "patch*-{}"
    found = dict[str, bool]()
    for process in ancestors():
        for patch in folder.glob(pattern.format(process)):
            # Lines `ADDED<TAB>REMOVED<TAB>PATH`, NUL-terminated (git-apply(1), --numstat -z).
            listed = repo.run("apply", "--numstat", "-z", str(patch), check=False).split("\0")
            names = [line.split("\t")[-1] for line in listed if line]
            with suppress(OSError):
                sections = re.split(rb"(?m)^diff --git ", patch.read_bytes())[1:]
                removed = [b"\ndeleted file mode " in section.partition(b"\n@@ ")[0] for section in sections]
                found.update(zip(names, removed, strict=False))
    return found
