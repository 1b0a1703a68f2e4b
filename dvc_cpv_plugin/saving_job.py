"""A process that saves for its job: the background process beside it, and what the ranks of a sharded job agree on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from cpv_hooks.console.output import warn
from cpv_hooks.errors import CPVError, disk_error
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.ranks.rank_place import RankPlace, agreed
from cpv_hooks.ranks.step_agreement import StepAgreement
from cpv_hooks.ranks.training import background_of, begin_rank, leave, wait_for_all
from cpv_hooks.runs.background import Background
from cpv_hooks.runs.end_signals import EndSignals
from cpv_hooks.runs.job import begin_job
from cpv_hooks.runs.keep_rules import KeepRule
from cpv_hooks.runs.run_folder import ENDED
from cpv_hooks.runs.save_rules import Moment, SaveRule
from cpv_hooks.runs.step_saver import Save, StepSaver

_POLL = 0.02  # seconds


class JobOptions(NamedTuple):
    """What a job wants of its run, as `CheckpointRun` has it."""

    where: Path
    name: str | None
    artifact: str | None
    rule: SaveRule
    keep: KeepRule
    metric: str | None
    grace: float
    sharded: bool

    def note(self) -> dict[str, object]:
        """What others have to know of it."""
        return {"keep": self.keep.data(), "artifact": self.artifact, "grace": self.grace}


class SavingJob:
    """The job from its beginning, which this is, to its end. Raises `CPVError` for what cannot work."""

    def __init__(self, options: JobOptions, place: RankPlace, signals: EndSignals) -> None:
        self._options = options
        self._place = agreed(place) if options.sharded else place
        self._signals = signals
        self._agreement: StepAgreement | None = None
        says = {**options.note(), "ranks": place.world}
        if options.sharded:
            self.job = begin_rank(options.where, options.name, says, self._place)
            self.background = background_of(self.job, self._place)
        else:
            self.job = begin_job(options.where, options.name, says, place.attempt)
            self.background = Background(self.job.root, self.job.folder, self.job.lock)
        try:
            self.background.start()
            if options.sharded:
                self.job = wait_for_all(self.job, self.background, self._place)
                self._agreement = StepAgreement(self.job.folder, options.grace, signals, self._keep_up)
        except BaseException as error:
            self.background.release()
            if not isinstance(error, OSError):
                raise
            raise CPVError(f"the background process cannot be started: {error}", where=str(self.job.root)) from error
        self._saver = StepSaver(self.job, self.background, options.metric, place.world if options.sharded else None)

    def went_on(self, step: int) -> None:
        """The job goes on from a step, which counts as saved now."""
        self._saver.went_on(step)

    def step(self, step: int, metrics: Mapping[str, object], save: Save | None, *, force: bool) -> bool:
        """See `CheckpointRun.step`."""
        self.background.tell()
        saver, signals, rule = self._saver, self._signals, self._options.rule
        moment = Moment(step, time.monotonic(), saver.saved, saver.since)
        is_due, end = force or rule(moment), signals.number
        if self._agreement is not None:
            by_step = force or rule.by_step(moment)
            # One clock decides for all ranks.
            common = self._agreement.reached(step, is_time=is_due and not by_step and self._place.rank == 0)
            is_due, end = by_step or common is not None, common or None
        is_due = (is_due or end is not None) and step != saver.saved
        saved = save is not None and is_due and not self._is_left() and saver.save(step, metrics, save)
        if end is None and self._agreement is None:
            end = signals.number
        if end is not None:
            raise SystemExit(128 + end)
        return saved

    def flush(self, timeout: float | None) -> bool:
        """See `CheckpointRun.flush`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.job.folder.left():
            # After a signal the time left is for the step that the job ends with.
            if self._signals.number is not None or (deadline is not None and time.monotonic() >= deadline):
                return False
            if self.background.has_ended():
                self.background.wake()
            time.sleep(_POLL)
        self.background.tell()
        return True

    def end(self, *, is_finished: bool) -> None:
        """Wait for the uploads, after a signal or an exception for as long as is allowed."""
        background, folder, left_at = self.background, self.job.folder, time.monotonic()
        try:
            folder.write(ENDED, {"finished": is_finished})
        except OSError as failed:
            warn(str(disk_error(failed, folder.path)))
        background.end()

        def deadline() -> float | None:
            if self._signals.number is not None:
                return self._signals.since + self._options.grace
            return None if is_finished else left_at + self._options.grace

        try:
            if not background.wait(deadline):
                what = "not everything is uploaded yet; the upload goes on while this machine runs (dvc cpv sync)"
                warn(f"run {folder.name}: {what}")
            background.tell()
        finally:
            self._signals.leave()
            background.release()
            if self._agreement is not None:
                self._agreement.close()
                if background.has_ended():
                    leave(self.job, self._place)

    def _is_left(self) -> bool:
        return self._agreement is not None and self._agreement.is_left()

    def _keep_up(self) -> None:
        """The background process goes on, and what it says is passed on, while the job waits for other ranks."""
        if self.background.has_ended():
            self.background.wake()
        self.background.tell()
