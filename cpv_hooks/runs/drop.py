"""Dropping a run, or one of its steps, for good."""

from __future__ import annotations

import os
import shutil

from cpv_hooks.errors import CPVError
from cpv_hooks.project.project import Project
from cpv_hooks.runs import overview, retention, run_refs
from cpv_hooks.runs.run_folder import RunFolder
from cpv_hooks.runs.step_record import RunStep
from cpv_hooks.system.atomic_files import make_folder
from cpv_hooks.system.locks import lock_at_once


def drop_run(project: Project, name: str, *, dry_run: bool = False) -> list[RunStep]:
    """Drop `RUN`, or the step of `RUN@STEP`; returns the steps that go. `CPVError` while a job is at work on it."""
    run, _, which = name.partition("@")
    steps = run_refs.require_steps(project.repo, run_refs.check_run_name(run))
    gone = [overview.find_step(project, name)] if which else steps
    if dry_run:
        return gone
    folder = RunFolder.of(project.repo, run)
    make_folder(folder.path)
    lock = lock_at_once(folder.job_lock)
    if lock is None:
        what = f"a job is working on run {run}"
        raise CPVError(what, where=str(folder.path), fix="stop it (kill -TERM), then repeat")
    try:
        with folder.working(), folder.taking():
            retention.drop_steps(project, folder, gone)
            if not which:
                shutil.rmtree(folder.path, ignore_errors=True)
    finally:
        os.close(lock)
    return gone
