"""An operation in a process of its own that kills itself, with SIGKILL, when a step of its journal begins."""

from __future__ import annotations

import signal

from support.shell import Shell

DRIVER = """
import os, signal, sys
from pathlib import Path
from cpv_hooks.recovery import transaction as journal
from cpv_hooks.git.repo import Repo
from cpv_hooks.operations.revert.revert import plan_revert
from cpv_hooks.operations.make.tag import plan_tag
from cpv_hooks.operations.make.upload import plan_upload
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line

def die(step):
    print(step, flush=True)
    if step == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)

journal.at_step = die
MODEL, DATA = Line.MODEL, Line.DATA
repo = Repo.discover(Path.cwd())
project = next(iter(Project.find_all(repo)), None)
exec(sys.argv[2])
"""


def steps_of(shell: Shell, call: str) -> list[str]:
    """Run an operation to its end; returns its steps."""
    return shell.python("-c", DRIVER, "", call).lines


def kill_at(shell: Shell, step: str, call: str) -> None:
    """Run an operation, such as `plan_tag(project, [MODEL]).run()`, until its step begins."""
    shell.python("-c", DRIVER, step, call, status=-signal.SIGKILL)
