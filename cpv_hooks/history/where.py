"""Where the content of versions is, over all DVC roots of a repository."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.history.reader import Recorded
from cpv_hooks.history.version_metrics import in_cache
from cpv_hooks.metric_formats.log_lines import Metric
from cpv_hooks.project.project import Project
from cpv_hooks.transfer.objects.availability import is_cached, on_remote, recorded_on_remote
from cpv_hooks.versions import commit_metrics
from cpv_hooks.versions.commit_metrics import MetricsFile


class Where:
    """Asks the cache and the remote of the DVC root that an artifact belongs to."""

    def __init__(self, projects: Sequence[Project]) -> None:
        # The innermost root around a path is the one that has it.
        self._projects = sorted(projects, key=lambda project: -len(project.prefix))

    def project(self, pointer: Pointer) -> Project:
        """The DVC root of an artifact."""
        return next(project for project in self._projects if project.holds(pointer.path))

    def file(self, pointer: Pointer) -> Path | None:
        """A file artifact's object in the cache, if it is there."""
        return in_cache(self.project(pointer), pointer)

    def metrics(self, one: Recorded) -> Mapping[str, Metric]:
        """What a version's tag says, else what its metrics files in the cache do."""
        # Without them the artifacts are read, which a long history need not be asked for.
        return one.metrics or self.metrics_in([artifact.pointer for artifact in one.artifacts])

    def metrics_in(
        self, pointers: Iterable[Pointer], find: Callable[[Pointer], Path | None] | None = None
    ) -> Mapping[str, Metric]:
        """What the metrics files of artifacts say; `find` knows the file of one, else the cache is asked."""
        return commit_metrics.read_commit_metrics(
            ((self.project(pointer), pointer) for pointer in pointers), find
        ).values

    def metrics_files(self, one: Recorded, *, all_steps: bool = False) -> Iterator[MetricsFile]:
        """The files with a version's metrics, of those that the cache has; see `commit_metrics.metrics_files`."""
        for artifact in one.artifacts:
            pointer = artifact.pointer
            yield from commit_metrics.metrics_files(self.project(pointer), pointer, all_steps=all_steps)

    def cached(self, pointers: Sequence[Pointer]) -> bool:
        """Whether the cache has every object of these artifacts."""
        return all(is_cached(project, own) for project, own in self._parts(pointers))

    def on_remote(self, groups: Sequence[Sequence[Pointer]], commits: Sequence[str]) -> list[bool | None]:
        """Whether the remotes have each group of artifacts, as its commit has them; None without an answer in time."""
        return self._answers(groups, lambda project, own: on_remote(project, own, commits))

    def recorded_on_remote(self, groups: Sequence[Sequence[Pointer]]) -> list[bool | None]:
        """Whether each group was on the remotes when this clone last looked; None: not known. Nothing is asked."""
        return self._answers(groups, recorded_on_remote)

    def _answers(
        self,
        groups: Sequence[Sequence[Pointer]],
        look: Callable[[Project, Sequence[Sequence[Pointer]]], list[bool | None]],
    ) -> list[bool | None]:
        answers = [
            look(project, [[one for one in group if self.project(one) is project] for group in groups])
            for project in self._projects
        ]
        return [(False if False in parts else None if None in parts else True) for parts in zip(*answers, strict=True)]

    def _parts(self, pointers: Sequence[Pointer]) -> list[tuple[Project, list[Pointer]]]:
        return [(project, [one for one in pointers if self.project(one) is project]) for project in self._projects]
