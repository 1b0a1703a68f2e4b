"""The newest complete step of a run, brought into a folder for the job to load: `python -m cpv_hooks.runs.restore`.

A step is complete where every object of it is in the cache or on the remote, and its bytes are right; one that is not
is passed over, by name.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cpv_hooks.console.output import fail, warn
from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.directory_object import is_oid
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError, DiskError, shell_word
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.pointers_at import pointers_at
from cpv_hooks.project.project import Project
from cpv_hooks.remote.common.protocol import CorruptObject, MissingObject, RemoteError
from cpv_hooks.runs import run_refs, worker
from cpv_hooks.runs.run_folder import RunFolder
from cpv_hooks.runs.run_refs import HOST
from cpv_hooks.runs.step_record import RunStep, is_saved_name
from cpv_hooks.system.copying import copy_and_hash
from cpv_hooks.transfer.objects.store import Store, Stores


def restore_newest(project: Project, folder: RunFolder, target: Path) -> RunStep | None:
    """Restore the newest complete step into `target`; None where the run has none.

    What a killed job saved last is taken in first. Raises `CPVError` where a remote does not answer or the disk
    refuses, and where the Git host does not and no step is here: which one is the newest complete one is not known
    then, and a job must not begin anew for that.
    """
    with folder.taking():
        _, saved = worker.take_newest(project, folder)
        if saved is not None:
            saved.remove()  # its upload is queued
    if project.config.runs_push:
        _fetch_refs(project, folder.name)
    for step in reversed(run_refs.steps_of_run(project.repo, folder.name)):
        try:
            restore_step(project, step, target)
            return step
        except CPVError as error:
            if isinstance(error, RemoteError | DiskError) and not isinstance(error, MissingObject | CorruptObject):
                raise
            warn(f"run {folder.name}: step {step.step} is not complete and is skipped: {error}")
    return None


def _this(project: Project, run: str, number: int, target: Path) -> RunStep | None:
    """Restore the step that rank 0 has restored."""
    step = next((step for step in run_refs.steps_of_run(project.repo, run) if step.step == number), None)
    if step is None:
        raise CPVError(f"has no step {number}", where=f"run {run}", fix=f"dvc cpv runs show {shell_word(run)}")
    restore_step(project, step, target)
    return step


def restore_step(project: Project, step: RunStep, target: Path) -> None:
    """Bring what was saved at a step into a folder, under the names that it had. `CPVError` where some of it is lost.

    What the cache lacks, or has damaged, comes from the remote; every byte is hashed on the way.
    """
    if not step.saved:
        what = "does not say what was saved"
        raise CPVError(what, where=step.commit[:10], fix=f"dvc cpv runs show {shell_word(step.run)}")
    bring_contents(project, step_contents(project, step), target)


def step_contents(project: Project, step: RunStep) -> dict[str, Pointer]:
    """What was saved at a step, by the names that it had. Raises `CPVError`."""
    pointers = {pointer.path: pointer for pointer in pointers_at(project, step.commit)}
    found = {}
    for name, path in step.saved.items():
        pointer = pointers.get(path)
        if pointer is None or pointer.oid is None:
            raise CPVError("the step has no pointer to it", where=path, fix=f"dvc cpv runs show {shell_word(step.run)}")
        found[name] = pointer
    return found


def bring_contents(project: Project, found: Mapping[str, Pointer], target: Path) -> None:
    """Bring contents into a folder, each under its name."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    stores = Stores(project)
    for name, pointer in found.items():
        store = stores.of(pointer)
        for relpath, oid in _files(store, pointer):
            _bring(store, oid, target / name / relpath if relpath else target / name, pointer)


def _files(store: Store, pointer: Pointer) -> Iterator[tuple[str, str]]:
    assert pointer.oid is not None
    if not pointer.isdir:
        yield "", pointer.oid
        return
    with Progress("fetching") as progress:
        listing = store.listing(pointer.oid, progress)
    if listing is None:
        raise _lost(pointer.oid, pointer)
    yield from listing


def _bring(store: Store, oid: str, target: Path, pointer: Pointer) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if _copied(store, oid, target):
        return
    try:
        with Progress("fetching") as progress:
            store.fetch(oid, progress)
    except MissingObject as error:
        raise _lost(oid, pointer) from error
    if not _copied(store, oid, target):
        raise _lost(oid, pointer)


def _copied(store: Store, oid: str, target: Path) -> bool:
    """Copy an object out of the cache; whether it is there and right."""
    blob = store.blob(oid)
    if blob is None:
        return False
    with open(blob.path, "rb", buffering=0) as reader, open(target, "wb", buffering=0) as writer:
        digest, _ = copy_and_hash(reader, writer, lambda count: None)
    return store.legacy or digest == oid


def _lost(oid: str, pointer: Pointer) -> CPVError:
    return CPVError(f"neither the cache nor the remote has {oid}", where=pointer.path, fix="dvc cpv verify --all")


def _fetch_refs(project: Project, run: str) -> None:
    repo = project.repo
    if not run_refs.has_host(repo):
        return
    try:
        _fetch_from_host(repo, run)
    except CPVError as error:
        what = f"run {run}: what the Git host has of it is not known"
        if not run_refs.steps_of_run(repo, run):
            raise CPVError(f"{what}: {error.what}", where=error.where, fix=f"git fetch {HOST}") from error
        warn(f"{what}: {error}")


def _fetch_from_host(repo: Repo, run: str) -> None:
    """Let each step be the Git host's, but for one that was saved here in a later lap: its push is still to come."""
    fetch, steps = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", HOST), run_refs.ref_of(run, "*")
    own = {run_refs.ref_of(run, step.step): step for step in run_refs.steps_of_run(repo, run) if step.lap}
    if not own:
        repo.run(*fetch, f"+{steps}:{steps}")
        return
    rows = (line.split("\t") for line in repo.run("ls-remote", "--quiet", HOST, steps).splitlines())
    theirs = {ref: oid for oid, ref in rows}
    both = {ref: oid for ref, oid in theirs.items() if ref in own and own[ref].commit != oid}
    wanted = [f"+{ref}:{ref}" for ref in theirs if ref not in own]
    if wanted or both:
        repo.run(*fetch, *wanted, *both)
    for ref, oid in both.items():
        found = run_refs.step_at(repo, oid)
        if found is not None and found.lap >= own[ref].lap:
            run_refs.write_step_ref(repo, run, found.step, oid)


def _telling(project: Project, step: RunStep) -> dict[str, list[object]]:
    """The contents of a step for another clone, which need not have its commit."""
    found = step_contents(project, step)
    return {name: [one.path, one.oid, one.legacy, one.remote] for name, one in found.items()}


def told_contents(told: Mapping[str, Any]) -> dict[str, Pointer]:
    """What another clone said of a step's contents. Raises `CPVError` for what it cannot have said."""
    found = {}
    for name, (path, oid, legacy, remote) in dict(told["contents"]).items():
        if not is_oid(str(oid)) or not is_saved_name(name):
            raise CPVError(
                "what rank 0 wrote about the step cannot be read", fix="use the same version of CPV on all ranks"
            )
        found[name] = Pointer(f"{path}.dvc", str(path), str(oid), legacy=bool(legacy), remote=remote)
    return found


def main(argv: list[str]) -> int:
    """`… ROOT RUN TARGET [STEP]`: prints the step as JSON, or null.

    STEP is a number, or the JSON of what this printed in another clone.
    """
    try:
        root = Path(argv[0])
        repo = Repo.discover(root)
        project = Project.open(repo, root)
        if len(argv) > 3 and not argv[3].isdigit():
            told = json.loads(argv[3])
            bring_contents(project, told_contents(told), Path(argv[2]))
            sys.stdout.write(json.dumps(told) + "\n")
            return os.EX_OK
        if len(argv) > 3:
            step = _this(project, argv[1], int(argv[3]), Path(argv[2]))
        else:
            step = restore_newest(project, RunFolder.of(repo, argv[1]), Path(argv[2]))
        if step is not None and step.base != repo.resolve("HEAD"):
            warn(
                f"run {step.run}: step {step.step} was made by the code of {step.base[:10]}, and HEAD is another commit"
            )
    except Exception as error:  # noqa: BLE001 - the last resort: one line and a log
        return fail(error)
    told = {**step.as_dict(), "contents": _telling(project, step)} if step else None
    sys.stdout.write(json.dumps(told) + "\n")
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
