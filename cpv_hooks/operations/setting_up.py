"""Setting a repository or its data up from Python: the effects of `init`, and data that is there already."""

from __future__ import annotations

from collections.abc import Sequence

from cpv_hooks.errors import CPVError
from cpv_hooks.init import Step
from cpv_hooks.operations.effects import Effect, Tool
from cpv_hooks.project import Project

_TOOLS: dict[str, Tool] = {"git": "git", "dvc": "dvc", "pre-commit": "git"}


def effects(steps: Sequence[Step]) -> tuple[Effect, ...]:
    """The steps of `init` as effects, each under the tool that its text begins with."""
    return tuple(Effect(_TOOLS.get(step.text.split()[0], "file"), step.text) for step in steps)


def refuse_existing_data(project: Project) -> None:
    """Raise where the repository has training data that is more than the sample of a new repository."""
    from cpv_hooks.skeleton import sample_data

    patterns = project.config.artifacts.get("data", ())
    sample = sample_data()
    for folder in (project.root / pattern for pattern in patterns):
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()] if folder.is_dir() else []
        own = [path for path in files if sample.get(path.relative_to(folder).as_posix()) != path.read_bytes()]
        if own or folder.is_file():
            local = (own[0] if own else folder).relative_to(project.root).as_posix()
            fix = "dvc cpv data upload PATH (or force, which saves what is there first)"
            raise CPVError("there is training data already", where=local, fix=fix)
