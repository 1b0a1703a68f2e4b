"""Models in the `artifacts:` section of the `dvc.yaml` beside `.cpv.toml`.

`dvc cpv init` writes the section; where there is one, a model that gets its first pointer gets its entry too. Nothing
else changes it, and a commit without a new model does not read it.
"""

from __future__ import annotations

from collections.abc import Sequence

from cpv_hooks.dvcformat import artifacts_section
from cpv_hooks.dvcformat.artifacts_section import FILE, has_section
from cpv_hooks.git.index import index_text, stage_text
from cpv_hooks.project.project import Project
from cpv_hooks.system.atomic_files import write_atomic


def note_new_model(project: Project, path: str) -> None:
    """Add a new artifact (relative to the top) to a section that is there."""
    if project.kind_of(path) != "model":
        return
    file = project.root / FILE
    try:
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return
    changed = _changed(project, text, [path])
    if changed is not None:
        write_atomic(file, changed.encode())


def stage_new_models(project: Project, paths: Sequence[str]) -> None:
    """Stage the entries of new artifacts (relative to the top); what else the user changed there stays unstaged."""
    name = project.prefix + FILE
    if not any(project.kind_of(path) == "model" for path in paths):
        return
    staged = index_text(project.repo, name)
    changed = _changed(project, staged, paths) if staged is not None else None
    if changed is not None:
        stage_text(project.repo, name, changed)


def _changed(project: Project, text: str, paths: Sequence[str]) -> str | None:
    """The text of a `dvc.yaml` with these artifacts (relative to the top) in it; None where it is to stay as it is."""
    if not has_section(text):
        return None

    models = [path.removeprefix(project.prefix) for path in paths if project.kind_of(path) == "model"]
    return artifacts_section.with_models(text, project.config.model or "model", models, project.root)
