"""A step's data on its way to the remote, and its ref to the Git host where `[runs] push` asks for that."""

from __future__ import annotations

from collections.abc import Sequence

from cpv_hooks.console.output import warn
from cpv_hooks.dvcformat.pointer_writer import render_stored
from cpv_hooks.errors import CPVError
from cpv_hooks.git.commit import blob_at
from cpv_hooks.project.project import Project, root_key
from cpv_hooks.runs import run_refs
from cpv_hooks.runs.run_folder import RunFolder
from cpv_hooks.runs.step_queue import WHY
from cpv_hooks.runs.step_record import RunStep
from cpv_hooks.runs.take_in import write_step
from cpv_hooks.transfer.commits.queued_uploads import deliver_now, retry_queued
from cpv_hooks.transfer.commits.upload_commits import ensure_uploaded, unversioned
from cpv_hooks.transfer.commits.versioned_upload import upload_versions as upload_versions
from cpv_hooks.transfer.objects.upload_queue import Queue


def upload_step(project: Project, folder: RunFolder, step: RunStep) -> bool:
    """Bring a step's data to the remote as `[push] when` says; whether it is there. What fails is queued and said."""
    try:
        step = _with_versions(project, folder, step)
        done = deliver_now(project, [step.commit], WHY)
    except CPVError as error:
        warn(f"run {folder.name}: step {step.step} is not uploaded: {error}")
        return False
    if project.config.runs_push:
        push(project, folder.name, [step])
    return done


def retry(project: Project, folder: RunFolder, *, force: bool) -> None:
    """Upload what is queued of this run's steps, after one that failed a moment ago only with `force`."""
    steps = {step.commit: step for step in run_refs.steps_of_run(project.repo, folder.name)}
    if project.keeps_versions:
        for step in steps.values():
            upload_step(project, folder, step)
    if any(item.commit in steps for item in Queue.of(project.repo).pending(root_key(project))):
        retry_queued(project, force=force)
        if project.config.runs_push:
            push(project, folder.name, list(steps.values()))


def push(project: Project, run: str, steps: Sequence[RunStep]) -> None:
    """Push the refs of steps whose data is on the remote, verified; what cannot be pushed is said."""
    repo = project.repo
    if not steps or not run_refs.has_host(repo):
        return
    try:
        missing = ensure_uploaded(project, [step.commit for step in steps])
        if missing:
            warn(f"run {run} is not pushed: the DVC remote lacks {missing[0].path}")
            return
        refs = [run_refs.ref_of(run, step.step) for step in steps]
        repo.run("push", "--quiet", "--no-follow-tags", run_refs.HOST, *(f"+{ref}:{ref}" for ref in refs))
    except CPVError as error:
        warn(f"run {run} is not pushed: {error}")


def _with_versions(project: Project, folder: RunFolder, step: RunStep) -> RunStep:
    """On a remote that keeps versions a pointer says which ones they are, so the data goes first."""
    lacking = [pointer for pointer in unversioned(project, step.commit) if pointer.path in step.saved.values()]
    if not lacking or project.config.push_when == "never":
        return step
    found = upload_versions(project, lacking)
    files = {pointer.file: blob_at(project.repo, pointer.file, step.commit) or b"" for pointer in lacking}
    # The pointers of the step that are complete already, from the tree that it has.
    kept = {path: f"{path}.dvc" for path in step.saved.values()}
    texts = {file: blob_at(project.repo, file, step.commit) or b"" for file in kept.values() if file not in files}
    texts |= {file: render_stored(text.decode(), found, file).encode() for file, text in files.items()}
    return write_step(project, folder, step, {file: text for file, text in texts.items() if text})
