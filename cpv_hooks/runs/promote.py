"""A step of a run becomes a version: its content in the place of its artifacts, a commit on the branch, and a tag."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cpv_hooks.console.output import few, say
from cpv_hooks.console.plan import Plan
from cpv_hooks.dvcformat.pointer import is_pointer_file
from cpv_hooks.errors import CPVError, shell_word, shell_words
from cpv_hooks.metric_formats.limits import MAX_METRICS, is_metric_name
from cpv_hooks.operations.make import make_version, metrics_line, target_artifact, work_tree
from cpv_hooks.operations.make.commit_draft import PointerChange
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.runs import keep_rules
from cpv_hooks.runs.restore import restore_step
from cpv_hooks.runs.step_record import RunStep


@contextmanager
def promotion(project: Project, step: RunStep, *, version: str | None, message: str | None) -> Iterator[Plan[str]]:
    """The plan that makes a step a version, for the length of the block; what it returns is the tag.

    The data is brought here, verified, first. All of it is made or nothing, as by `model upload`; what stood in the
    place of an artifact goes on the rescue list where no commit has it. Raises `CPVError`.
    """
    make_version.begin_operation(project)
    with tempfile.TemporaryDirectory(prefix="cpv-promote-") as folder:
        source = Path(folder, "step")
        restore_step(project, step, source)
        planned = make_version.plan_version(
            project,
            "runs promote",
            _changes(project, step, source),
            [Line.MODEL],
            version=version,
            messages={Line.MODEL: message},
            description=f"run {step.run}, step {step.step}",
            reuse=True,
        )
        yield Plan(planned.effects, planned.expected[0], lambda: planned.run()[0])


def _changes(project: Project, step: RunStep, source: Path) -> list[PointerChange]:
    tracked = work_tree.tracked_artifacts(project)
    changes = [target_artifact.put(project, path, source / name, tracked) for name, path in step.saved.items()]
    said = {"step": step.step, **{key: value for key, value in step.metrics.items() if _is_said(key, value)}}
    logs = [path for path in step.saved.values() if project.kind_of(path) == "metrics"]
    if changes and len(said) > 1 and not logs and project.config.artifacts.get("metrics"):
        line = dict(list(said.items())[:MAX_METRICS])
        changes.append(metrics_line.metrics_change(project, line, tracked, changes[0].space))
    return changes


def _is_said(name: str, value: object) -> bool:
    """Whether a version can say this of its step, which may have come from another clone."""
    return is_metric_name(name) and keep_rules.finite_number(value) is not None


def say_code(project: Project, step: RunStep) -> None:
    """Say in what the code of HEAD differs from the code that made the step."""
    repo = project.repo
    try:
        listed = repo.run("diff", "--name-only", "--no-renames", "-z", step.base, "HEAD").split("\0")
    except CPVError:
        say(f"step {step.step} was made by the code of {step.base[:10]}, which is not in this clone")
        return
    differ = [path for path in listed if path and not is_pointer_file(path)]
    if differ:
        say(
            f"HEAD's code differs from that of step {step.step} ({step.base[:10]}): {few(differ)} "
            f"(git diff {shell_word(step.base[:10])} HEAD)"
        )
    if step.code:
        changes = f"git diff {shell_words([step.base[:10], step.code[:10]])}"
        say(f"step {step.step} was made with changes that were not committed ({changes})")
