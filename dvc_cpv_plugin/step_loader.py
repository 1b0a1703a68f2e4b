"""A saved step of a training run, brought back: the one that all ranks of a job go on from, or a certain one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.ranks.rank_place import RankPlace
from cpv_hooks.ranks.training import RESUMED, going_on
from cpv_hooks.runs.background import Background
from cpv_hooks.runs.end_signals import EndSignals
from cpv_hooks.runs.job import RunJob, restored, tell_step, told_step


class StepLoader(NamedTuple):
    """Brings steps into a folder of the run for as long as they are loaded; `background` is that of a sharded job."""

    job: RunJob
    place: RankPlace
    signals: EndSignals
    background: Background | None

    def load_newest(self, load: Callable[[Path], object]) -> dict[str, Any] | None:
        """Load the newest complete step, and return what is known of it; None where there is none yet."""
        with self._unless_ending():
            found = self._newest()
        if found is not None:
            self._load(load)
        return found

    def load_step(self, step: int, load: Callable[[Path], object]) -> None:
        """Load a certain step. Raises `CPVError` where the run does not have it, or not all of it."""
        with self._unless_ending():
            restored(self.job, self._target, str(step))
        self._load(load)

    @contextmanager
    def _unless_ending(self) -> Iterator[None]:
        """Schedulers and `timeout` send a signal to all processes of a job, so to the one that looks for a step too."""
        try:
            yield
        except CPVError:
            if self.signals.number is None:
                raise
            raise SystemExit(128 + self.signals.number) from None

    def _load(self, load: Callable[[Path], object]) -> None:
        try:
            load(self._target)
        finally:
            shutil.rmtree(self._target, ignore_errors=True)

    @property
    def _target(self) -> Path:
        return self.job.folder.path / f"restored-{self.place.rank}"

    def _newest(self) -> dict[str, Any] | None:
        """The step to go on from, restored; rank 0 finds it, and the others take the same."""
        job = self.job
        if self.place.rank == 0:
            found = restored(job, self._target)
            if self.background is not None:
                job.folder.write(RESUMED, {"from": found})
            else:
                tell_step(job, found["step"] if found else None)
            return found
        if self.background is not None:
            told = going_on(job, self.background)
            return None if told is None else restored(job, self._target, json.dumps(told))
        number = told_step(job)
        return None if number is None else restored(job, self._target, str(number))
