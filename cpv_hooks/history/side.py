"""One side of a comparison: a commit, or the work tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.git.objects import objects_of
from cpv_hooks.git.repo import Repo
from cpv_hooks.history.recorded_contents import ArtifactRecord
from cpv_hooks.history.settings_changes import FILES, MAX_BYTES
from cpv_hooks.history.version_metrics import said_by_tag
from cpv_hooks.history.version_names import Named
from cpv_hooks.history.where import Where
from cpv_hooks.metric_formats.log_lines import Metric
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.pointers_at import pointers_at
from cpv_hooks.project.project import Project
from cpv_hooks.system.signatures import Clock
from cpv_hooks.worktree.base_index import Index
from cpv_hooks.worktree.discovery import discover


class Side(NamedTuple):
    """What there is: artifacts by path, metrics, and the files of settings by their paths. `name` is None for the
    work tree; `errors` are what could not be read."""

    name: str | None
    artifacts: Mapping[str, ArtifactRecord]
    metrics: Mapping[str, Metric]
    settings: Mapping[str, bytes]
    errors: tuple[CPVError, ...] = ()


def of_commit(repo: Repo, projects: Sequence[Project], named: Named) -> Side:
    """A commit. Its metrics are those that its tag says, else those in its metrics files in the cache."""
    artifacts: dict[str, ArtifactRecord] = {}
    errors: list[CPVError] = []
    for project in projects:
        try:
            found = pointers_at(project, named.commit)
        except CPVError as error:
            errors.append(error)
        else:
            artifacts.update((one.path, ArtifactRecord(project.kind_of(one.path), one)) for one in found)
    said: Mapping[str, Metric] = said_by_tag(repo, named.tag) if named.tag is not None else {}
    names = [project.prefix + name for project in projects for name in FILES]
    settings: dict[str, bytes] = {}
    for name in names:
        blob = objects_of(repo).read(f"{named.commit}:{name}", MAX_BYTES)
        if blob is not None and blob.kind == "blob":
            if blob.data is None:
                errors.append(_too_large(name))
            else:
                settings[name] = blob.data
    metrics = said or Where(projects).metrics_in(one.pointer for one in artifacts.values())
    return Side(named.name, artifacts, metrics, settings, tuple(errors))


def of_work_tree(repo: Repo, projects: Sequence[Project]) -> Side:
    """The work tree as its pointer files say; metrics and settings are read from the files themselves."""
    found = discover(repo, list(projects), Index.load(repo.state), Clock(repo.state / state_files.CLOCK))
    artifacts = {one.path: ArtifactRecord(project.kind_of(one.path), one) for project, one in found.pointers}
    errors, settings = list(found.errors), dict[str, bytes]()
    for name in (project.prefix + name for project in projects for name in FILES):
        path = repo.top / name
        # A link could lead out of the repository.
        if path.is_file() and not path.is_symlink():
            if path.stat().st_size > MAX_BYTES:
                errors.append(_too_large(name))
            else:
                settings[name] = path.read_bytes()

    where = Where(projects)

    def standing(pointer: Pointer) -> Path | None:
        path = repo.top / pointer.path
        return path if path.is_file() else where.file(pointer)

    metrics = where.metrics_in((one.pointer for one in artifacts.values()), standing)
    return Side(None, artifacts, metrics, settings, tuple(errors))


def _too_large(name: str) -> CPVError:
    return CPVError(f"larger than {MAX_BYTES} bytes", where=name, fix="keep only settings in it")
