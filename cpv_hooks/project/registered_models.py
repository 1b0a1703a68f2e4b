"""Models in the `artifacts:` section of the `dvc.yaml` beside `.cpv.toml`.

`dvc cpv init` writes the section; where there is one, a model that gets its first pointer gets its entry too, and the
entry of one that is moved follows it. Nothing else changes it, and a commit without such a model does not read it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from cpv_hooks.dvcformat import artifacts_section
from cpv_hooks.dvcformat.artifacts_section import FILE, has_section
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.git.index import index_text, stage_text
from cpv_hooks.project.project import Project
from cpv_hooks.system.atomic_files import write_atomic


def note_new_model(project: Project, path: str) -> None:
    """Add a new artifact (relative to the top) to a section that is there."""
    if project.kind_of(path) == "model":
        _write(project, [path], {})


def moved_artifacts(project: Project, removed: Collection[str], added: Sequence[Pointer]) -> dict[str, str]:
    """Which artifacts a commit moves: old path -> new one, both relative to the top.

    Their pointers name what one that HEAD has names, whose file is among those that the commit has `removed`; so is one
    that was trained since, where no other comes into question.
    """
    if not removed or not added or not (project.root / FILE).exists():
        return {}
    from cpv_hooks.project.pointers_at import pointers_at

    try:
        before = [pointer for pointer in pointers_at(project, "HEAD") if pointer.file in removed]
    except CPVError:  # of another pointer perhaps, which this commit takes out
        return {}
    new = {pointer.oid: pointer.path for pointer in added if pointer.oid is not None}
    moved = {pointer.path: new[pointer.oid] for pointer in before if pointer.oid in new}
    gone = [pointer.path for pointer in before if pointer.path not in moved]
    came = set(new.values()).difference(moved.values())
    if len(gone) == len(came) == 1:
        moved[gone[0]] = came.pop()
    return {old: path for old, path in moved.items() if old != path}


def follow_moved(project: Project, moved: Mapping[str, str]) -> None:
    """Let the entries of moved artifacts (old path -> new one) follow them in the work tree."""
    if moved:
        _write(project, [], moved)


def _write(project: Project, paths: Sequence[str], moved: Mapping[str, str]) -> None:
    file = project.root / FILE
    try:
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return
    changed = _changed(project, text, paths, moved)
    if changed is not None:
        write_atomic(file, changed.encode())


def stage_models(project: Project, paths: Sequence[str], moved: Mapping[str, str]) -> None:
    """Stage the entries of new artifacts, and of moved ones; what else the user changed there stays unstaged."""
    name = project.prefix + FILE
    if not moved and not any(project.kind_of(path) == "model" for path in paths):
        return
    staged = index_text(project.repo, name)
    changed = _changed(project, staged, paths, moved) if staged is not None else None
    if changed is not None:
        stage_text(project.repo, name, changed)


def _changed(project: Project, text: str, paths: Sequence[str], moved: Mapping[str, str]) -> str | None:
    """The text of a `dvc.yaml` with these artifacts (relative to the top) in it; None where it is to stay as it is."""
    if not has_section(text):
        return None

    def local(path: str) -> str:
        return path.removeprefix(project.prefix)

    models = [local(path) for path in paths if project.kind_of(path) == "model"]
    moves = {local(old): local(new) for old, new in moved.items()}
    return artifacts_section.with_models(text, project.config.model or "model", models, project.root, moves)
