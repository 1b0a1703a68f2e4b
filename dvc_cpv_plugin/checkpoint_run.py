"""`CheckpointRun`: a training loop saves its checkpoints, and goes on from the newest one after it was stopped."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from cpv_hooks.console.output import say
from cpv_hooks.errors import CPVError
from cpv_hooks.metric_formats.limits import MAX_STEP_DIGITS
from cpv_hooks.metric_formats.series import Goal
from cpv_hooks.ranks.rank_place import find_place
from cpv_hooks.runs.end_signals import EndSignals
from cpv_hooks.runs.job import RunJob, join_job
from cpv_hooks.runs.keep_rules import KeepRule, rule_of
from cpv_hooks.runs.save_rules import SaveRule, of_kind, save_rule, seconds
from cpv_hooks.runs.step_saver import Save
from dvc_cpv_plugin.saving_job import JobOptions, SavingJob
from dvc_cpv_plugin.step_loader import StepLoader


@dataclass(frozen=True)
class Resumed:
    """The step that a run goes on from, with its metrics."""

    step: int
    metrics: Mapping[str, int | float | str]


class CheckpointRun:
    """A training run whose checkpoints are kept in Git and DVC, without a commit on any branch.

        with CheckpointRun(every=500, keep_last=2, keep_best=3, metric="eval_loss", mode="min") as run:
            start = run.resume(load)
            for step in range(start.step + 1 if start else 0, steps):
                ...
                run.step(step, metrics, save=lambda folder: torch.save(state, folder / "model.pt"))

    A checkpoint is saved at every multiple of `every` steps, or `minutes` after the last one (whichever comes first, if
    both are given; at each `step`, if neither is; or as `save_when` says). Kept are the newest `keep_last`, the
    `keep_best` by `metric` and the multiples of `keep_every` (all that any of them keeps), or what `keep` says; without
    them, all checkpoints. The newest is always kept. The others are removed from the cache at once, and from the remote
    as `[runs] free` says.

    `name` is the run's name: a job that was stopped continues under the same name. By default it is `CPV_RUN`, or else
    the branch's name; if that run is finished, or another job is using it, the next name (`main-2`) is used. `artifact`
    is the artifact for everything that is saved, by its path from the DVC root; by default files become the artifacts
    of their names, and a single other file becomes the model. `grace` is how many seconds the job has after SIGTERM,
    SIGUSR1 or SIGINT. `folder` is a folder in the repository.

    In a distributed job every rank may use it: rank 0 saves, and the others resume from the same step as rank 0. With
    `sharded` every rank must use it, and saves its own files under its own names; a step is made when all are there.
    `rank` and `world_size` default to those of `torch.distributed`, if the job uses it, or else `RANK` and
    `WORLD_SIZE`, or `SLURM_PROCID` and `SLURM_NTASKS`.

    Raises `CPVError` for what cannot work from the start. During training, trouble with a checkpoint is one line on the
    standard error.
    """

    def __init__(
        self,
        *,
        every: int | None = None,
        minutes: float | None = None,
        keep_last: int | None = None,
        keep_best: int | None = None,
        keep_every: int | None = None,
        metric: str | None = None,
        mode: Goal = "min",
        save_when: SaveRule | None = None,
        keep: KeepRule | None = None,
        name: str | None = None,
        artifact: str | None = None,
        grace: float = 25.0,
        folder: str | os.PathLike[str] = ".",
        sharded: bool = False,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        given = {"name": name, "artifact": artifact, "metric": metric}
        for keyword, value in given.items():
            of_kind(keyword, value, str)
        of_kind("save_when", save_when, SaveRule)
        of_kind("keep", keep, KeepRule)
        self._place = find_place(rank, world_size)
        self._options = JobOptions(
            where=Path(folder),
            name=name,
            artifact=artifact,
            rule=save_rule(every, minutes, save_when),
            keep=rule_of(keep_last, keep_best, keep_every, metric, mode, keep),
            metric=metric,
            grace=seconds("grace", grace, "CheckpointRun(grace=25)"),
            sharded=sharded and self._place.world > 1,
        )
        self._signals = EndSignals()
        self._saving: SavingJob | None = None
        self._job: RunJob | None = None

    @property
    def name(self) -> str:
        """The run's name; known inside the `with` block."""
        return self._of_job.folder.name

    @property
    def rank(self) -> int:
        """Which of a distributed job's processes this is."""
        return self._place.rank

    @property
    def sharded(self) -> bool:
        """Whether each of several ranks saves files of its own."""
        return self._options.sharded

    @property
    def ending(self) -> bool:
        """Whether a signal has asked the job to end: the next `step` saves and does."""
        return self._signals.number is not None

    @property
    def metric(self) -> str | None:
        """The metric by which the best steps are kept."""
        return self._options.metric

    def __enter__(self) -> Self:
        options, place = self._options, self._place
        if place.rank and not options.sharded:
            self._job = join_job(options.where, options.name, place.rank, place.attempt)
        else:
            self._saving = SavingJob(options, place, self._signals)
            self._job = self._saving.job
        self._signals.watch()
        return self

    def resume(self, load: Callable[[Path], object]) -> Resumed | None:
        """Load the newest complete step of this run, from the cache or the remote; None if there is none yet.

        `load` is called with a folder that has what was saved, under the same names; it is removed afterwards.
        """
        found = self._steps.load_newest(load)
        if found is None:
            return None
        if (saving := self._at_work()) is not None:
            saving.went_on(found["step"])
        say(f"run {self.name}: resuming from step {found['step']}")
        return Resumed(found["step"], found["metrics"])

    def restore(self, step: int, load: Callable[[Path], object]) -> None:
        """Load a certain step of this run, as `resume` does; this does not change where the run is.

        Raises `CPVError` if the run does not have the step, or not all of it.
        """
        self._steps.load_step(step, load)

    def step(
        self, step: int, metrics: Mapping[str, object] | None = None, save: Save | None = None, *, force: bool = False
    ) -> bool:
        """Tell the run that a step is done; if it is time, or with `force`, save it by `save(folder)` and return True.

        It returns when `save` does; a background process does the rest. If `save` raises, nothing of the step is kept
        and the exception is raised; if the disk is full, the step is given up in one line and training goes on. After a
        signal it saves, waits for the upload as long as `grace` allows, and raises `SystemExit` with the signal's code.
        """
        if isinstance(step, bool) or not isinstance(step, int) or not 0 <= step < 10**MAX_STEP_DIGITS:
            what = f"a step is a whole number of 0 or more with at most {MAX_STEP_DIGITS} digits, not {step!r}"
            raise CPVError(what, fix="run.step(step, metrics, save=…)")
        if (saving := self._at_work()) is not None:
            return saving.step(step, metrics or {}, save, force=force)
        self._passive_step()
        return False

    def watch_signals(self) -> None:
        """Handle signals again, if a framework has installed its own handlers since the run began."""
        self._signals.watch()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was saved is uploaded, or could not be.

        False if it takes more than `timeout` seconds, or a signal asks the job to end.
        """
        saving = self._at_work()
        return saving is None or saving.flush(timeout)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if (saving := self._at_work()) is None:
            self._signals.leave()
            return
        saving.end(is_finished=kind is None)
        if kind is None and self._signals.number is not None:
            raise SystemExit(128 + self._signals.number)

    # How

    def __getstate__(self) -> object:
        raise _not_here()

    def _passive_step(self) -> None:
        """Rank 0 saves and ends the job; a rank that left before it would let it wait for ever."""
        number = self._signals.number
        if number is not None and time.monotonic() > self._signals.since + self._options.grace:
            raise SystemExit(128 + number)

    @property
    def _steps(self) -> StepLoader:
        saving = self._at_work()
        background = saving.background if saving is not None and self.sharded else None
        return StepLoader(self._of_job, self._place, self._signals, background)

    def _at_work(self) -> SavingJob | None:
        """What saves in this process; None in one that leaves that to rank 0."""
        return self._saving if self._of_job else None

    @property
    def _of_job(self) -> RunJob:
        if self._job is None:
            raise CPVError("a run begins with its with block", fix="with CheckpointRun(…) as run:")
        if self._signals.process != os.getpid():
            raise _not_here()
        return self._job


def _not_here() -> CPVError:
    what = "a run belongs to the process that began it, and this is another one"
    return CPVError(what, fix="let each process of the job begin it by itself, as torchrun and strategy='ddp' do")
