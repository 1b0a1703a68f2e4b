"""The beginning of a job: which repository, which run, and that no other job is at work on it.

Only the standard library and what hooks import is imported here: this is the training process.
"""

from __future__ import annotations

import json
import math
import os
import posixpath
import re
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from cpv_hooks import state_files
from cpv_hooks.console.output import say
from cpv_hooks.errors import CPVError, disk_error, shell_word
from cpv_hooks.git.repo import Repo, environment
from cpv_hooks.metric_formats.limits import MAX_KEY, MAX_METRICS, MAX_TEXT, is_metric_name
from cpv_hooks.project.config import Config, is_inside
from cpv_hooks.project.config_file import load_config
from cpv_hooks.project.roots import root_here
from cpv_hooks.runs import run_refs
from cpv_hooks.runs.run_folder import JOB, RunFolder
from cpv_hooks.system.atomic_files import make_folder
from cpv_hooks.system.locks import is_held, lock_at_once

VARIABLE = "CPV_RUN"
_RESUMED = "resumed.json"
PATIENCE, _POLL = 600.0, 0.05  # seconds


@dataclass(frozen=True)
class RunJob:
    """A job at work. `lock` is the open file that keeps others from its run."""

    root: Path
    folder: RunFolder
    lock: int
    id: str

    environment: Mapping[str, str] = field(default_factory=environment)


def begin_job(where: Path, asked: str | None, wishes: Mapping[str, object], attempt: str = "") -> RunJob:
    """Find the repository, be the only job of the run, and note what the job wants.

    A run that was asked for by name and is at work already is refused; else the next name is taken, which is said.
    `attempt` lets the other ranks of a distributed job know it as theirs. Raises `CPVError`.
    """
    repo = Repo.discover(where.resolve())
    root = root_here(repo, where)
    config = load_config(root)
    repo.head()
    _refuse_place(root, config, wishes.get("artifact"))
    folder, lock = _claim(repo, asked)
    job = RunJob(root, folder, lock, os.urandom(4).hex())
    says = {"group": attempt, "job": job.id, "process": os.getpid(), "host": socket.gethostname(), "since": time.time()}
    folder.begin({**says, "command": sys.orig_argv, "folder": os.getcwd(), **wishes})
    return job


def _refuse_place(root: Path, config: Config, artifact: object) -> None:
    if not isinstance(artifact, str):
        return
    if not is_inside(artifact):
        what = "an artifact must lie in the repository, and not in .git or .dvc"
        raise CPVError(what, where=repr(artifact), fix="name it by its path from the DVC root, as .cpv.toml does")
    named = {posixpath.normpath(item) for kind in config.artifacts.values() for item in kind}
    for folder in map(str, PurePosixPath(posixpath.normpath(artifact)).parents):
        if folder in named or (root / f"{folder}.dvc").is_file():
            what = f"lies in the artifact {folder}, so no version could have it by itself"
            raise CPVError(what, where=repr(artifact), fix=f"name {folder} itself, or a place outside of it")


def join_job(where: Path, asked: str | None, rank: int, attempt: str) -> RunJob:
    """The job that rank 0 of this one has begun; waits for it. Raises `CPVError` where it does not come.

    Lightning's rank 0 starts the other ranks, and has begun the job before there was anything to know them by.
    """
    parent = {"process": os.getppid(), "host": socket.gethostname()}
    repo = Repo.discover(where.resolve())
    root, name = root_here(repo, where), asked if asked is not None else os.environ.get(VARIABLE)
    names = "*" if name is None else run_refs.check_run_name(name)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        for path in (repo.shared / state_files.RUNS).glob(names):
            folder = RunFolder.of(repo, path.name)
            says = folder.read(JOB)
            is_ours = says.get("group") == attempt or parent.items() <= says.items()
            if is_ours and is_held(folder.job_lock):
                return RunJob(root, folder, -1, str(says["job"]))
        time.sleep(_POLL)
    fix = "use CheckpointRun on every rank, or on rank 0 alone"
    raise CPVError(f"rank 0 has not begun a run, and this is rank {rank}", where=str(root), fix=fix)


def tell_step(job: RunJob, step: int | None) -> None:
    """Let the other ranks know which step rank 0 goes on from."""
    job.folder.write(_RESUMED, {"job": job.id, "step": step})


def told_step(job: RunJob) -> int | None:
    """The step that rank 0 goes on from; waits until it has said so. Raises `CPVError` where it does not."""
    until = time.monotonic() + PATIENCE
    is_there = True
    while is_there and time.monotonic() < until:
        is_there = is_held(job.folder.job_lock)  # before the look: it may say so and leave
        says = job.folder.read(_RESUMED)
        if says.get("job") == job.id:
            found = says.get("step")
            return found if isinstance(found, int) else None
        time.sleep(_POLL)
    what = "rank 0 has not said which step it resumes from"
    raise CPVError(what, where=str(job.root), fix="call resume on every rank, or on none")


def _claim(repo: Repo, asked: str | None) -> tuple[RunFolder, int]:
    name = asked if asked is not None else os.environ.get(VARIABLE)
    if name is not None:
        folder = RunFolder.of(repo, run_refs.check_run_name(name))
        lock = lock_of(folder)
        if lock is None:
            raise _busy(folder)
        return folder, lock
    first, passed = default_name(repo), set[str]()
    while True:
        folder = RunFolder.of(repo, run_refs.next_name(first, passed))
        passed.add(folder.name)
        if run_refs.is_finished(repo, folder.name):
            continue
        lock = lock_of(folder)
        if lock is not None:
            if len(passed) > 1:
                say(f"run {folder.name}: {first} is finished, or another job is working on it")
            return folder, lock


def lock_of(folder: RunFolder) -> int | None:
    """The open file that keeps other jobs from a run; None while another has it. Raises `CPVError`."""
    try:
        make_folder(folder.path)
    except OSError as error:
        raise disk_error(error, folder.path) from error
    found = lock_at_once(folder.job_lock)
    if found is None and not is_held(folder.job_lock):
        raise CPVError("cannot be locked", where=str(folder.job_lock), fix="correct the permissions")
    return found


def _busy(folder: RunFolder) -> CPVError:
    job = folder.read(JOB)
    what = f"another job is working on run {folder.name} (process {job.get('process')} on {job.get('host')})"
    return CPVError(what, where=str(folder.path), fix=f"wait for it, or CheckpointRun(name={folder.name + '-2'!r})")


def restored(job: RunJob, target: Path, step: str | None = None) -> dict[str, Any] | None:
    """Bring the newest complete step of the run, or this one, into a folder; what it says, None where there is none.

    `step` is a number, or the JSON of what an earlier call returned. A process of its own does it, which may import
    what this one must not. Raises `CPVError`.
    """
    command = [sys.executable, "-P", "-m", "cpv_hooks.runs.restore", str(job.root), job.folder.name, str(target)]
    command += [] if step is None else [step]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, env=job.environment)
    if done.returncode:
        what = f"run {job.folder.name} could not be searched for a step to resume from (the line above says why)"
        raise CPVError(what, where=str(job.root), fix=f"dvc cpv runs show {shell_word(job.folder.name)}")
    found = json.loads(done.stdout)
    return found if isinstance(found, dict) else None


def default_name(repo: Repo) -> str:
    """The name of a run that nobody has named: the branch's, as far as it can be one."""
    branch = repo.run("symbolic-ref", "--quiet", "--short", "HEAD", check=False).strip()
    name = re.sub(r"[^A-Za-z0-9]+", "-", branch).strip("-")
    return name[:80].strip("-") or "run"


def plain_metrics(metrics: Mapping[str, object]) -> tuple[dict[str, int | float | str], dict[str, str]]:
    """The metrics as numbers and short texts, NumPy's and PyTorch's numbers included; and why each other one is not."""
    values: dict[str, int | float | str] = {}
    odd: dict[str, str] = {}
    for key, value in metrics.items():
        found = _plain(value)
        if not is_metric_name(key):
            odd[repr(key)[:MAX_KEY]] = f"is not a name of 1 to {MAX_KEY} printable characters"
        elif found is None:
            odd[key] = "is neither a number nor a text"
        elif len(values) == MAX_METRICS:
            odd[key] = f"comes after the first {MAX_METRICS}"
        else:
            values[key] = found
    return values, odd


def _plain(value: object) -> int | float | str | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return value[:MAX_TEXT]
    if isinstance(value, int):
        return value if abs(value) < 1 << 63 else None
    if isinstance(value, float):
        return float(value)
    item = getattr(value, "item", None)
    if not callable(item):
        return None
    try:
        found = item()
    except Exception:  # noqa: BLE001 - a tensor of many values, on a device that is gone: no number
        return None
    return found if isinstance(found, int | float) and not isinstance(found, bool) and not _is_huge(found) else None


def _is_huge(value: float) -> bool:
    return isinstance(value, int) and math.log2(abs(value) or 1) >= 63
