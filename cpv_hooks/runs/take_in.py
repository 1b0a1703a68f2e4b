"""A saved checkpoint becomes a commit of its run: content into the cache, pointers into a tree, and the hidden ref."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cpv_hooks.console.output import say
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.git.commit import blob_at
from cpv_hooks.git.index import scratch_index
from cpv_hooks.operations.make import place_content
from cpv_hooks.operations.make.commit_draft import PointerChange, pointer_text
from cpv_hooks.operations.make.new_content import NewContent
from cpv_hooks.project.pointers_at import is_in_commit, pointers_at
from cpv_hooks.project.project import Project, is_pattern
from cpv_hooks.runs import run_refs
from cpv_hooks.runs.code_state import Code, author, capture
from cpv_hooks.runs.run_folder import JOB, RunFolder, Saved, bringing, code_name
from cpv_hooks.runs.saved_places import chief_of, places
from cpv_hooks.runs.step_queue import queue_step
from cpv_hooks.runs.step_record import RunStep, write_step_message
from cpv_hooks.system.signatures import Clock
from cpv_hooks.worktree.base_index import Index
from cpv_hooks.worktree.workspace import Workspace

_BROUGHT = "brought.json"


def take_in(project: Project, folder: RunFolder, saved: Saved) -> RunStep:
    """Cache what was saved, commit its pointers on the code that the job started with, and let the step's ref name it.

    Raises `CPVError` (`BeingWritten` where somebody still writes to it) with no ref made.
    """
    code = code_of_job(project, folder, str(saved.note().get("job")))
    space = Workspace(project, Index.load(project.repo.state), Clock(folder.path / "clock"))
    # A `save` may have removed the folder that it was given, or put a file in its place.
    entries = sorted(saved.files.iterdir()) if saved.files.is_dir() else []
    names = {entry.name: entry.is_dir() for entry in entries}
    named = artifact_places(project, folder, names, code)
    new: set[str] = set()

    def note(objects: Collection[str]) -> None:
        new.update(oid for oid in objects if not space.cache.has(oid))
        # Before they are there: one that is there and not noted would stay for ever.
        note_brought(folder, new)

    with bringing(project.repo):
        changes = []
        for name, path in named.items():
            found = place_content.take_in_files(space, saved.files / name, path, note)
            changes.append(artifact_change(space, path, code, found))
        add_directories(space, changes, note)
        note_brought(folder, new)
        step = step_of(project, folder, saved, named, code)
        return write_step(project, folder, step, texts_of(project, code, changes))


def add_directories(space: Workspace, changes: Sequence[PointerChange], note: Callable[[Sequence[str]], None]) -> None:
    """Bring the directory objects of folders into the cache, each after a word to `note`."""
    for change in changes:
        if change.new.directory is not None:
            note([change.new.content.oid])
            space.cache.add_bytes(change.new.content.oid, change.new.directory)


def step_of(project: Project, folder: RunFolder, saved: Saved, named: Mapping[str, str], code: Code) -> RunStep:
    """What is known of a saved step before it has a commit; `named` says which artifact each saved name is."""
    note = saved.note()
    metrics = note.get("metrics")
    return RunStep(
        folder.name,
        saved.step,
        metrics if isinstance(metrics, dict) else {},
        socket.gethostname(),
        named,
        code.base,
        code.changes,
        time=float(note.get("time") or 0),
        source=str(note.get("source") or ""),
        lap=_lap_of(project, folder, saved.step),
    )


def _lap_of(project: Project, folder: RunFolder, number: int) -> int:
    """Where the newest step has a higher number, the job has gone back behind it, and its steps are the newer ones."""
    steps = run_refs.steps_of_run(project.repo, folder.name)
    if not steps:
        return 0
    newest = steps[-1]
    if newest.step <= number:
        return newest.lap
    say(f"run {folder.name}: step {number} is saved after step {newest.step}, and counts as newer")
    return newest.lap + 1


def write_step(project: Project, folder: RunFolder, step: RunStep, texts: Mapping[str, bytes]) -> RunStep:
    """Commit pointer files (by their path from the top) as a step, queue it, and let its ref name the commit."""
    repo, index = project.repo, folder.path / "tree-index"
    with scratch_index(index, Path("/nonexistent")) as env:
        repo.run("read-tree", step.base, env=env)
        blobs = {file: repo.run("hash-object", "-w", "--stdin", input=text).strip() for file, text in texts.items()}
        rows = "".join(f"100644 {blob}\t{file}\0" for file, blob in blobs.items())
        repo.run("update-index", "-z", "--index-info", input=rows, env=env)
        tree = repo.run("write-tree", env=env).strip()
    parents = [word for parent in (step.base, step.code) if parent for word in ("-p", parent)]
    when = {f"GIT_{who}_DATE": f"@{int(step.time)} +0000" for who in ("AUTHOR", "COMMITTER")} if step.time else {}
    environment = author(repo) | when
    commit = repo.run("commit-tree", tree, *parents, input=write_step_message(step), env=environment).strip()
    # Before its ref: a step that is there and not queued would stay on this machine alone.
    queue_step(project, commit)
    run_refs.write_step_ref(repo, folder.name, step.step, commit)
    return replace(step, commit=commit)


def code_of_job(project: Project, folder: RunFolder, job: str) -> Code:
    """The code that a job of the run started with; asked once for each job."""
    file = code_name(job)
    known = folder.read(file)
    if known.get("base"):
        return Code(known["base"], known.get("changes"))
    code = capture(project.repo, folder.path / "code-index")
    folder.write(file, {"base": code.base, "changes": code.changes})
    return code


def brought(folder: RunFolder) -> dict[str, float]:
    """The objects that this run brought into the cache, each with the time of it, in seconds since the epoch."""
    return {oid: float(when) for oid, when in folder.read(_BROUGHT).items()}


def write_brought(folder: RunFolder, objects: Mapping[str, float]) -> None:
    """Remember these from now on."""
    folder.write(_BROUGHT, objects)


def note_brought(folder: RunFolder, new: Collection[str]) -> None:
    """Note that the run brings these objects now."""
    if new:
        write_brought(folder, brought(folder) | dict.fromkeys(new, time.time()))


def artifact_places(project: Project, folder: RunFolder, names: Mapping[str, bool], code: Code) -> dict[str, str]:
    """The artifact's path for each name that was saved (whether it is a folder). Raises `CPVError`."""
    pointers = [pointer for pointer in pointers_at(project, code.base) if pointer.writable]
    known: dict[str, bool | None] = {pointer.path: pointer.isdir for pointer in pointers}
    named = [p for patterns in project.config.artifacts.values() for p in patterns if not is_pattern(p)]
    known.update((project.prefix + path, None) for path in named if project.prefix + path not in known)
    models = [path for path in known if project.kind_of(path) == "model"]
    there = [path for path in models if known[path] is not None]
    asked = folder.read(JOB).get("artifact")
    asked = project.prefix + asked if isinstance(asked, str) else None
    found = places(names, known, chief_of(there or models), asked, project.prefix)
    for name, path in found.items():
        if path not in known and is_in_commit(project, code.base, path):
            fix = f"save {name} under another name, or name an artifact: CheckpointRun(artifact=…)"
            raise CPVError("Git itself tracks this path, so it cannot hold a checkpoint", where=path, fix=fix)
    return found


def artifact_change(space: Workspace, path: str, code: Code, new: NewContent) -> PointerChange:
    """An artifact of the code's commit, or a new one, with the content that it gets."""
    pointers = pointers_at(space.project, code.base)
    pointer = next((one for one in pointers if one.path == path), None) or Pointer(f"{path}.dvc", path, None)
    return PointerChange(space, pointer, new, in_place=False)


def texts_of(project: Project, code: Code, changes: Iterable[PointerChange]) -> dict[str, bytes]:
    """The pointer files of these artifacts as the step has them."""
    texts: dict[str, bytes] = {}
    for change in changes:
        file = change.pointer.file
        old = texts[file] if file in texts else blob_at(project.repo, file, code.base)
        texts[file] = pointer_text(change, old)
    return texts
