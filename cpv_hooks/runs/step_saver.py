"""One step of a job on the disk: its metrics checked, its files under a temporary name until all are there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from cpv_hooks.console.output import warn
from cpv_hooks.errors import disk_error
from cpv_hooks.runs.background import Background
from cpv_hooks.runs.job import RunJob, plain_metrics
from cpv_hooks.runs.keep_rules import finite_number
from cpv_hooks.runs.run_folder import LOST
from cpv_hooks.system.disk_space import disk_that_filled

_MOST_WORDS = 500
Save = Callable[[Path], object]


class StepSaver:
    """Saves steps for the background process to take in. `saved` is the newest of them, `since` its monotonic time.

    `world` is the number of ranks that save each step together; None where one saves it whole.
    """

    def __init__(self, job: RunJob, background: Background, metric: str | None, world: int | None) -> None:
        self.saved: int | None = None
        self.since = time.monotonic()
        self._job = job
        self._background = background
        self._metric = metric
        self._world = world
        self._warned: set[str] = set()

    def went_on(self, step: int) -> None:
        self.saved, self.since = step, time.monotonic()

    def save(self, step: int, metrics: Mapping[str, object], save: Save) -> bool:
        """Whether it was saved: a full disk costs the step, in one line; what `save` raises otherwise comes through."""
        values = self._values(step, metrics)
        if self._world is not None:
            # A rank that fails must not try again at a step at which the others do not save.
            self.went_on(step)
        try:
            files = self._job.folder.start_saving(step)
        except OSError as error:
            return self._not_saved(step, error)
        try:
            save(files)
        except BaseException as error:
            full = disk_that_filled(error, files)
            self._job.folder.give_up(files)
            if full is None:
                self._lose(step, f"its save raised {type(error).__name__}{': ' if str(error) else ''}{error}")
                raise
            return self._not_saved(step, full)
        try:
            note = {"step": step, "metrics": values, "time": time.time(), "job": self._job.id}
            if self._world is not None:
                note["world"] = self._world
            # Rank 0 may yet name the step before.
            skipped = self._job.folder.finish_saving(files, step, note, spare=int(self._world is not None))
            self._background.wake()
        except OSError as error:
            self._job.folder.give_up(files)
            return self._not_saved(step, error)
        if skipped:
            warn(self._job.folder.skipped(skipped))
        self.went_on(step)
        return True

    def _not_saved(self, step: int, error: OSError) -> bool:
        said = disk_error(error, self._job.folder.path)
        warn(f"run {self._job.folder.name}: step {step} is not saved: {said}")
        self._lose(step, str(said))
        return False

    def _lose(self, step: int, why: str) -> None:
        """Let the other ranks know at once that this one has no part of a step; else they hear it at its next."""
        if self._world is not None:
            with suppress(OSError):
                self._job.folder.write(LOST, {"step": step, "why": " ".join(why.split())[:_MOST_WORDS]})
                self._background.wake()

    def _values(self, step: int, metrics: Mapping[str, object]) -> dict[str, int | float | str]:
        values, odd = plain_metrics(metrics)
        name, run = self._metric, self._job.folder.name
        if name is not None and finite_number(values.get(name)) is None:
            said = "is not a finite number" if name in metrics else "is missing"
            self._warn_once(f"run {run}: step {step}: metric {name} {said}, so it cannot be among the best")
        for key, why in odd.items():
            if key != name:
                self._warn_once(f"run {run}: metric {key} {why}, and is left out")
        return values

    def _warn_once(self, line: str) -> None:
        key = line.partition(": metric ")[2] or line
        if key not in self._warned:
            self._warned.add(key)
            warn(line)
