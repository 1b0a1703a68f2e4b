"""Any program's checkpoints as a run: it is started, and what it writes into a folder is taken when it is finished."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from cpv_hooks.console.output import say, warn
from cpv_hooks.errors import CPVError, disk_error
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.runs.background import Background
from cpv_hooks.runs.end_signals import EndSignals
from cpv_hooks.runs.job import VARIABLE, RunJob, begin_job, plain_metrics, restored
from cpv_hooks.runs.keep_rules import KeepRule
from cpv_hooks.runs.run_folder import ENDED
from cpv_hooks.runs.watched_folder import FoundCheckpoint, WatchedFolder

_LOOK = 0.25  # seconds
_INSIDE = ("trainer_state.json", "metrics.json")  # what a checkpoint itself may say


class Wishes(NamedTuple):
    """What is watched and kept. `grace` and `quiet` are in seconds; `metrics` is a file that the program writes to."""

    folder: Path
    keep: KeepRule
    pattern: str = "*"
    quiet: float = 5.0
    marker: str | None = None
    metrics: Path | None = None
    name: str | None = None
    artifact: str | None = None
    resume: bool = False
    grace: float = 25.0


def watch(wishes: Wishes, command: Sequence[str]) -> int:
    """Run a program and take its checkpoints until it ends; returns its exit status, as a shell has it.

    SIGTERM and SIGUSR1 are passed on to it. Raises `CPVError` for what cannot work from the start.
    """
    _refuse_folder(wishes.folder)
    if shutil.which(command[0]) is None:
        raise CPVError("cannot be started: no such program", where=command[0], fix="check the command")
    job = begin_job(Path.cwd(), wishes.name, {"keep": wishes.keep.data(), "artifact": wishes.artifact})
    background, signals = Background(job.root, job.folder, job.lock), EndSignals()
    try:
        wishes.folder.mkdir(parents=True, exist_ok=True)
        background.start()
        if wishes.resume:
            _resume(job, wishes.folder)
        signals.watch()
        return _Watch(wishes, job, background, signals).run(command)
    except OSError as error:
        raise disk_error(error, wishes.folder) from error
    finally:
        signals.leave()
        background.release()


def _refuse_folder(folder: Path) -> None:
    """What Git and DVC write is no checkpoint."""
    inside = next((part for part in folder.parts if part.lower() in (".git", ".dvc")), None)
    if inside:
        fix = "name the folder that the program writes its checkpoints into"
        raise CPVError(f"lies in {inside}, which is reserved for Git and DVC", where=str(folder), fix=fix)


class _Watch:
    def __init__(self, wishes: Wishes, job: RunJob, background: Background, signals: EndSignals) -> None:
        self._wishes = wishes
        self._job = job
        self._background = background
        self._signals = signals
        self._folder = WatchedFolder(wishes.folder, wishes.pattern, wishes.quiet, wishes.marker)
        self._last = -1

    def run(self, command: Sequence[str]) -> int:
        try:
            process = subprocess.Popen(command, env={**os.environ, VARIABLE: self._job.folder.name})
        except OSError as error:
            raise CPVError(f"cannot be started: {error.strerror}", where=command[0], fix="check the command") from error
        passed_on = False
        while process.poll() is None:
            self._take(self._folder.finished(time.monotonic()))
            self._background.tell()
            if self._signals.number not in (None, signal.SIGINT) and not passed_on:
                passed_on = True  # a Ctrl-C has reached it by itself
                process.send_signal(self._signals.number or signal.SIGTERM)
            time.sleep(_LOOK)
        is_good = process.returncode == 0
        self._take(self._folder.finished(time.monotonic(), writer_ended=is_good))
        for name in self._folder.unfinished():
            warn(f"run {self._job.folder.name}: {name} is not taken: not all of its writers have finished")
        self._job.folder.write(ENDED, {"finished": is_good})
        self._background.end()
        if not self._background.wait(self._deadline):
            what = "not everything is uploaded yet; the upload goes on while this machine runs"
            warn(f"run {self._job.folder.name}: {what}")
        self._background.tell()
        return process.returncode if process.returncode >= 0 else 128 - process.returncode

    def _deadline(self) -> float | None:
        return None if self._signals.number is None else self._signals.since + self._wishes.grace

    def _take(self, found: Sequence[FoundCheckpoint]) -> None:
        for one in found:
            step = one.step if one.step is not None else self._last + 1
            files = self._job.folder.start_saving(step)
            try:
                is_whole = self._folder.take(one, files)
                note = {"step": step, "time": time.time(), "job": self._job.id, "source": one.path.name}
                metrics = self._metrics(files) if is_whole else {}
            except OSError as error:
                self._job.folder.give_up(files)
                warn(f"run {self._job.folder.name}: {one.path.name} is not taken: {disk_error(error, one.path)}")
                continue
            if not is_whole:
                self._job.folder.give_up(files)
                continue
            skipped = self._job.folder.finish_saving(files, step, {**note, "metrics": metrics})
            self._last = max(self._last, step)
            if skipped:
                warn(self._job.folder.skipped(skipped))
            say(f"run {self._job.folder.name}: step {step} is {one.path.name}")
            self._background.wake()

    def _metrics(self, files: Path) -> Mapping[str, object]:
        from cpv_hooks.metric_formats.metrics import last_metrics

        asked = [self._wishes.metrics] if self._wishes.metrics else [files / name for name in _INSIDE]
        for path in asked:
            if path.is_file():
                return plain_metrics(last_metrics(path))[0]
        return {}


def _resume(job: RunJob, folder: Path) -> None:
    """Put the newest complete step where the program looks for it, under the name that it gave it."""
    target = job.folder.path / "restored"
    step = restored(job, target)
    if step is None:
        return
    name = step["source"] or f"checkpoint-{step['step']}"
    names = os.listdir(target)
    place, source = (folder / name, target / name) if names == [name] else (folder / name, target)
    if place.exists():
        say(f"run {job.folder.name}: {place} is there already")
    else:
        shutil.move(source, place)
        say(f"run {job.folder.name}: step {step['step']} is in {place}")
    shutil.rmtree(target, ignore_errors=True)
