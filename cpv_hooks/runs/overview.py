"""The runs of a clone, for people and for `--json`: steps, metrics, what is kept and why, and how to go on with one."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cpv_hooks.errors import CPVError, shell_word, shell_words
from cpv_hooks.metric_formats.series import Goal, MetricSeries, series_of
from cpv_hooks.project.config import Goals
from cpv_hooks.project.project import Project, root_key
from cpv_hooks.runs import keep_rules, run_refs
from cpv_hooks.runs.job import VARIABLE
from cpv_hooks.runs.keep_rules import KeepBest
from cpv_hooks.runs.retention import marks
from cpv_hooks.runs.run_folder import JOB, RunFolder
from cpv_hooks.runs.step_record import RunStep
from cpv_hooks.system.locks import is_held
from cpv_hooks.transfer.objects.upload_queue import Queue

State = Literal["running", "finished", "stopped"]


@dataclass(frozen=True)
class Run:
    """A run. `kept` says why each step is, as far as this machine knows what its job wants; `queued` are commits whose
    upload waits; `ranked` the steps with the metric that tells the best, the best one first; `goals` what is better.
    """

    name: str
    state: State
    steps: Sequence[RunStep]
    kept: dict[int, list[str]] = field(default_factory=dict)
    ranked: Sequence[int] = ()
    by: str | None = None
    goals: Goals = field(default_factory=Goals)
    queued: frozenset[str] = frozenset()

    def as_dict(self, *, with_steps: bool) -> dict[str, Any]:
        last = self.steps[-1] if self.steps else None
        found: dict[str, Any] = {
            "run": self.name,
            "state": self.state,
            "count": len(self.steps),
            "last": last.as_dict() if last else None,
            "best": self.ranked[0] if self.ranked else None,
            "by": self.by,
        }
        if with_steps:
            found["steps"] = [
                {**step.as_dict(), "kept": self.kept.get(step.step, []), "queued": step.commit in self.queued}
                for step in self.steps
            ]
            found["series"] = [one.for_json() for one in self.series()]
        return found

    def series(self) -> list[MetricSeries]:
        rows = ({**step.metrics, "step": step.step} for step in self.steps)
        return [one._replace(goal=self.goals.of(one.name)) for one in series_of(rows, f"run {self.name}")]


def all_runs(project: Project) -> list[Run]:
    return [run_overview(project, name) for name in run_refs.run_names(project.repo)]


def run_overview(project: Project, name: str) -> Run:
    """One run. Raises `CPVError` where there is none of that name."""
    folder = RunFolder.of(project.repo, run_refs.check_run_name(name))
    steps, is_running = run_refs.steps_of_run(project.repo, name), is_held(folder.job_lock)
    if not steps and not is_running:
        run_refs.require_steps(project.repo, name)
    state: State = "running" if is_running else "finished" if run_refs.is_finished(project.repo, name) else "stopped"
    data = folder.read(JOB).get("keep")
    rule = keep_rules.keep_rule(data) if data else keep_rules.KeepAll()
    best = next((one for one in rule.rules if isinstance(one, KeepBest)), None) or _main(project)
    return Run(
        name,
        state,
        steps,
        keep_rules.kept_steps(rule, marks(steps)) if data else {},
        keep_rules.best_first(marks(steps), best.metric, best.mode) if best else (),
        f"{best.metric} ({best.mode})" if best else None,
        project.config.metrics,
        frozenset(item.commit for item in Queue.of(project.repo).pending(root_key(project))),
    )


def _main(project: Project) -> KeepBest | None:
    """The best by the main metric of the settings, where the job keeps no best of its own."""
    goals = project.config.metrics
    return KeepBest(1, goals.main, goals.of(goals.main) or "max") if goals.main else None


def find_step(project: Project, name: str, metric: str | None = None, mode: Goal | None = None) -> RunStep:
    """The step that `RUN`, `RUN@500`, `RUN@last` or `RUN@best` means; without @ it is the last.

    The best is that by `metric`, or by what the run's job keeps its best by, or by the main metric of the settings,
    which also say what is better of `metric` where no `mode` does. Raises `CPVError`.
    """
    run, _, which = name.partition("@")
    steps = run_refs.require_steps(project.repo, run_refs.check_run_name(run))
    if which in ("", "last"):
        return steps[-1]
    if which == "best":
        found = run_overview(project, run)
        better = mode or project.config.metrics.of(metric or "") or "min"
        ranked = keep_rules.best_first(marks(steps), metric, better) if metric else found.ranked
        if not ranked:
            what = f"no step has {metric} as a number" if metric else "no metric says which step is best"
            raise CPVError(
                what,
                where=run,
                fix=f"dvc cpv runs show {shell_word(run)}, then --metric NAME --mode min|max, or RUN@STEP",
            )
        return next(step for step in steps if step.step == ranked[0])
    chosen = next((step for step in steps if str(step.step) == which), None)
    if chosen is None:
        raise CPVError(f"has no step {which!r}", where=f"run {run}", fix=f"dvc cpv runs show {shell_word(run)}")
    return chosen


def ranks_of(project: Project, name: str) -> int:
    """How many processes a run's job had, as far as this machine knows it."""
    return int(RunFolder.of(project.repo, name).read(JOB).get("ranks") or 1)


def resume_command(project: Project, name: str) -> str:
    """The command that goes on with a run, with its job's command line where this machine has it."""
    steps = run_refs.require_steps(project.repo, run_refs.check_run_name(name))
    job = RunFolder.of(project.repo, name).read(JOB)
    step, words = steps[-1], []
    folder = job.get("folder")
    if isinstance(folder, str):
        words.append(f"cd {shlex.quote(folder)}")
    if step.base != project.repo.resolve("HEAD"):
        words.append(f"git checkout {shell_word(step.base)}")
    if step.code:
        # In a folder of the work tree `git apply` passes over all files outside it.
        is_top = isinstance(folder, str) and Path(folder, ".git").exists()
        git = "git" if is_top else 'git -C "$(git rev-parse --show-cdup)."'
        words.append(f"git diff --binary {shell_words([step.base, step.code])} | {git} apply")
    command = job.get("command")
    told = shlex.join(map(str, command)) if isinstance(command, list) and command else "python train.py"
    return " && ".join([*words, f"{VARIABLE}={shlex.quote(name)} {told}"])
