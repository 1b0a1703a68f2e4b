"""`dvc cpv runs list|show|promote|drop|resume-command`: training runs, and a step of one as a version."""

from __future__ import annotations

from collections.abc import Iterator

from cpv_hooks.console.output import counted, printable, say
from cpv_hooks.console.times import iso_time
from cpv_hooks.project.config import GOALS
from cpv_hooks.runs import drop, overview, promote
from cpv_hooks.runs.overview import Run
from dvc_cpv_plugin.commands import ui
from dvc_cpv_plugin.commands.base import CPVCommand, SubCommands
from dvc_cpv_plugin.commands.common import add_json

EXAMPLES = """examples:
  dvc cpv runs list
  dvc cpv runs show main                          steps, metrics, what is kept and why
  dvc cpv runs promote main@best --tag v1.0       a commit on this branch, with its tag
  dvc cpv runs drop main-2"""


class CmdList(CPVCommand):
    """A line for each run, or JSON."""

    def run(self) -> int:
        found = overview.all_runs(self.project_here())
        return self.answer([run.as_dict(with_steps=False) for run in found], ("\t".join(_row(run)) for run in found))


class CmdShow(CPVCommand):
    """A line for each step, or JSON."""

    def run(self) -> int:
        found = overview.run_overview(self.project_here(), self.args.run)
        return self.answer(found.as_dict(with_steps=True), _steps(found))


class CmdPromoteStep(CPVCommand):
    """Makes a step a version; prints the tag."""

    def run(self) -> int:
        project = self.project_here()
        step = overview.find_step(project, self.args.step, self.args.metric, self.args.mode)
        promote.say_code(project, step)
        with promote.promotion(project, step, version=self.args.tag, message=self.args.message) as plan:
            if self.args.dry_run:
                ui.write_output("\n".join(f"would {effect}" for effect in plan.effects) or "would change nothing")
                return 0
            tag = plan.run()
        return self.answer({"tag": tag, "run": step.run, "step": step.step}, tag)


class CmdDrop(CPVCommand):
    """Lets go of a run, or of one of its steps."""

    def run(self) -> int:
        gone = drop.drop_run(self.project_here(), self.args.run, dry_run=self.args.dry_run)
        if self.args.json:
            ui.write_json([{"run": step.run, "step": step.step, "commit": step.commit} for step in gone])
            return 0
        for step in gone:
            say(f"{'would drop' if self.args.dry_run else 'dropped'} run {step.run}, step {step.step}")
        return 0


class CmdResumeCommand(CPVCommand):
    """Prints the command that goes on with a run."""

    def run(self) -> int:
        project, run = self.project_here(), self.args.run
        command, ranks = overview.resume_command(project, run), overview.ranks_of(project, run)
        if ranks > 1:
            say(f"run {run}: this is one of {ranks} ranks; start them as they were started (torchrun, srun)")
        return self.answer({"run": run, "command": command, "ranks": ranks}, command)


def _row(run: Run) -> Iterator[str]:
    yield run.name
    yield run.state
    yield counted(len(run.steps), "step")
    if run.steps:
        yield f"last {run.steps[-1].step}"
        yield f"best {run.ranked[0]} by {run.by}" if run.ranked else "-"
        yield iso_time(run.steps[-1].time)


def _steps(run: Run) -> Iterator[str]:
    for step in run.steps:
        metrics = ", ".join(f"{key} {value}" for key, value in step.metrics.items()) or "-"
        why = ", ".join(run.kept.get(step.step, [])) or "-"
        queued = "queued" if step.commit in run.queued else "-"
        cells = [str(step.step), iso_time(step.time), step.commit[:10], metrics, why, queued, step.host]
        yield "\t".join(printable(cell) for cell in cells)


def add_verbs(verbs: SubCommands) -> None:
    listed = verbs.add(
        "list", CmdList, "List the runs: name, state, steps, the last and the best, when.",
        "examples:\n  dvc cpv runs list\n  dvc cpv runs list --json | jq -r '.[] | select(.state==\"stopped\").run'",
    )  # fmt: skip
    add_json(listed)
    shown = verbs.add(
        "show", CmdShow,
        "Show a run's steps: step, when, commit, metrics, why it is kept, whether its upload waits, host.",
        "examples:\n  dvc cpv runs show main\n  dvc cpv runs show main --json | jq '.steps[].metrics'",
    )  # fmt: skip
    shown.add_argument("run", metavar="RUN", help="The run.")
    add_json(shown)
    promoted = verbs.add(
        "promote", CmdPromoteStep,
        "Make a step a version: its content in place, a commit on this branch, a tag. Prints the tag.",
        "examples:\n  dvc cpv runs promote main                       # the last step, the next number\n"
        "  dvc cpv runs promote main@1500 --tag v1.0 -m 'first release'\n"
        "  dvc cpv runs promote main@best --metric acc --mode max",
    )  # fmt: skip
    promoted.add_argument("step", metavar="RUN[@STEP|@best|@last]", help="The run and the step (default: the last).")
    promoted.add_argument("-t", "--tag", metavar="TAG", help="The version (default: the next number).")
    promoted.add_argument("-m", "--message", metavar="TEXT", help="What the commit and the tag say.")
    promoted.add_argument(
        "--metric", metavar="NAME", help="The metric for @best (default: the one that the run keeps its best by)."
    )
    promoted.add_argument(
        "--mode", choices=GOALS, help="Whether less or more is better (default: as .cpv.toml says, else min)."
    )
    promoted.add_argument("--dry-run", action="store_true", help="Print the exact effects, and change nothing.")
    add_json(promoted)
    dropped = verbs.add(
        "drop", CmdDrop,
        "Drop a run or one of its steps: refs, and cached data that nothing else needs. Versions made of it stay.",
        "examples:\n  dvc cpv runs drop main-2\n  dvc cpv runs drop main@500 --dry-run",
    )  # fmt: skip
    dropped.add_argument("run", metavar="RUN[@STEP]", help="The run, or one step of it.")
    dropped.add_argument("--dry-run", action="store_true", help="Print what would be removed, and change nothing.")
    add_json(dropped)
    command = verbs.add(
        "resume-command", CmdResumeCommand,
        "Print the shell command that resumes a run: checks out its code, starts its job.",
        'examples:\n  dvc cpv runs resume-command main\n  sh -c "$(dvc cpv runs resume-command main)"',
    )  # fmt: skip
    command.add_argument("run", metavar="RUN", help="The run.")
    add_json(command)
