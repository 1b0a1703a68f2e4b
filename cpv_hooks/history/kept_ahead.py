"""A long history is read once in a process of its own, before a person asks and has to wait for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.errors import CPVError
from cpv_hooks.git.detached_process import spawn
from cpv_hooks.git.repo import Repo
from cpv_hooks.history.reader import FEW, look_ahead, read_history
from cpv_hooks.project.project import Project
from cpv_hooks.versions.tag_refs import all_tag_names

_YIELDS = 10
"""How far it stands back behind what people wait for, as `nice` has it."""


def keep_ahead(repo: Repo) -> None:
    """Start that process in a clone that has many tags and has read none."""
    if not (repo.shared / state_files.HISTORY).exists() and len(all_tag_names(repo)) > FEW:
        spawn("cpv_hooks.history.kept_ahead", repo.top)


def main(argv: list[str]) -> int:
    """`python -m cpv_hooks.history.kept_ahead TOP`; what cannot be read is said to who asks for it."""
    os.nice(_YIELDS)
    try:
        repo = Repo.discover(Path(argv[0]))
        if projects := Project.find_all(repo):
            look_ahead(read_history(repo, projects))
    except CPVError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
