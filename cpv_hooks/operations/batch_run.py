"""One command over many model repositories, each in a process of its own."""

from __future__ import annotations

import glob
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path
from typing import Literal

from cpv_hooks.errors import CPVError, shell_path
from cpv_hooks.git.repo import environment
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.config import FILE
from cpv_hooks.project.config_file import load_config
from cpv_hooks.project.project import is_pattern

_POLL = 0.2  # seconds
PATIENCE = 10.0  # seconds for which a process that was asked to stop may finish
# Not `-m dvc`: where packages were installed into a folder of their own, DVC alone does not know the command. `-P`
# keeps what lies in the model's folder from being imported.
_START = ("-P", "-c", "from dvc_cpv_plugin.cli import main; raise SystemExit(main())")
Result = Literal["ok", "failed", "stopped"]


class Ran(NamedTuple):
    """How the command ended in one repository; `seconds` is how long it took, `code` None where it did not run."""

    root: str
    result: Result
    code: int | None
    seconds: float
    out: str
    err: str

    @property
    def last(self) -> str:
        """The line that says most: the last one of what was printed, of the errors where it failed."""
        texts = (self.err, self.out) if self.result == "failed" else (self.out, self.err)
        lines = [line for text in texts for line in reversed(text.splitlines()) if line.strip()]
        return lines[0].strip().removeprefix("cpv: ") if lines else ""


def find_repositories(paths: Sequence[str], team: str | None, cwd: Path) -> list[Path]:
    """The model repositories that the arguments mean, each Git repository once, in the order of their paths.

    A path names one, a glob those that it matches. Without paths, or with a team, folders are searched for them:
    `paths`, or else `cwd`. Raises `CPVError` for a path that is none, and where there is none at all.
    """
    if team is None and paths:
        found = [root for path in paths for root in _named(path, cwd)]
    else:
        found = [root for path in paths or ["."] for root in _below(_folder(path, cwd)) if _of_team(root, team)]
    if not found:
        of_team = f" of team {team}" if team else ""
        raise CPVError(f"there is no model repository{of_team}", where=", ".join(paths) or str(cwd), fix="dvc cpv init")
    first: dict[Path, Path] = {}
    for root in sorted({Path(os.path.realpath(root)) for root in found}):
        first.setdefault(_top(root), root)
    return list(first.values())


def _named(path: str, cwd: Path) -> list[Path]:
    if is_pattern(path) and not (cwd / path).exists():
        return [Path(cwd, name) for name in glob.glob(path, root_dir=cwd, recursive=True) if _is_model(Path(cwd, name))]
    root = _folder(path, cwd)
    if not _is_model(root):
        raise CPVError(f"not a model repository (it has no {FILE})", where=path, fix=f"dvc cpv init {shell_path(path)}")
    return [root]


def _folder(path: str, cwd: Path) -> Path:
    if not path or "\0" in path or not (cwd / path).is_dir():
        raise CPVError("no such folder", where=path or "''", fix="dvc cpv batch COMMAND AN-EXISTING-FOLDER")
    return cwd / path


def _is_model(folder: Path) -> bool:
    return (folder / FILE).is_file() and (folder / ".dvc").is_dir()


def _below(folder: Path) -> Iterator[Path]:
    """The model repositories in a folder, itself included; none is looked for inside of another one."""
    for here, names, _ in os.walk(folder):
        if _is_model(Path(here)):
            names.clear()
            yield Path(here)
        names[:] = [name for name in names if not name.startswith(".")]


def _of_team(root: Path, team: str | None) -> bool:
    if team is None:
        return True
    try:
        return load_config(root).team == team
    except CPVError:
        return False  # `dvc cpv doctor` there says what is wrong with it


def _top(root: Path) -> Path:
    return next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)


def run_here(
    roots: Sequence[Path], command: Sequence[str], jobs: int, done: Callable[[Ran], None] = lambda ran: None
) -> list[Ran]:
    """Run `dvc cpv COMMAND` in every repository, `jobs` at a time; `done` is told of each as it ends.

    What fails in one is its own affair. On Ctrl-C the running ones are asked to stop as by Ctrl-C themselves, no new
    one begins, and `KeyboardInterrupt` is raised once all have ended.
    """
    stop = threading.Event()
    waiting: dict[Future[Ran], None] = {}
    try:
        with ThreadPoolExecutor(jobs) as pool:
            waiting = {pool.submit(run_one, str(root), tuple(command), stop.is_set): None for root in roots}
            futures = list(waiting)
            try:
                for future in as_completed(futures):
                    del waiting[future]
                    done(future.result())
            except BaseException:
                stop.set()
                raise
    except KeyboardInterrupt:
        for future in waiting:
            done(future.result())
        raise
    return [future.result() for future in futures]


def run_one(root: str, command: Sequence[str], stopped: Callable[[], bool]) -> Ran:
    """Run the command in one repository, until it ends or `stopped` says so."""
    begun = time.monotonic()
    if stopped():
        return Ran(root, "stopped", None, 0.0, "", "")
    env = environment()
    # Git's hooks do CPV's work under the command.
    del env["CPV_RUNNING"], env["GIT_OPTIONAL_LOCKS"]
    try:
        process = subprocess.Popen(
            [sys.executable, *_START, *command],
            cwd=root,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="backslashreplace",
            # A group of its own, so that Ctrl-C at the terminal reaches it once, and with all that it has started.
            start_new_session=True,
        )
    except OSError as error:
        return Ran(root, "failed", None, 0.0, "", f"{root}: {error.strerror} (on {os.uname().nodename})")
    interrupted, out, err = _watch(process, stopped)
    result: Result = "stopped" if interrupted else "failed" if process.returncode else "ok"
    return Ran(root, result, process.returncode, round(time.monotonic() - begun, 2), out, err)


def _watch(process: subprocess.Popen[str], stopped: Callable[[], bool]) -> tuple[bool, str, str]:
    asked = 0.0
    while True:
        try:
            out, err = process.communicate(timeout=_POLL)
            return bool(asked), out, err
        except subprocess.TimeoutExpired:
            if not asked and stopped():
                asked = time.monotonic()
                _signal(process, signal.SIGINT)
            elif asked and time.monotonic() - asked > PATIENCE:
                # Journals make that safe: the next run finishes or undoes what was begun.
                _signal(process, signal.SIGKILL)


def _signal(process: subprocess.Popen[str], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
