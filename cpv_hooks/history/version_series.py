"""The metrics of a version step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cpv_hooks.errors import CPVError, disk_error
from cpv_hooks.history.contents import ArtifactRecord
from cpv_hooks.history.reader import Recorded
from cpv_hooks.history.where import Where
from cpv_hooks.metric_formats.series import MetricSeries
from cpv_hooks.project.project import Project
from cpv_hooks.versions.commit_metrics import MetricsFile, files


class Curves(NamedTuple):
    """The series of a version, and a line for each file that cannot be read."""

    series: tuple[MetricSeries, ...]
    errors: tuple[str, ...]


class SeriesReader:
    """Reads the metrics files of versions, of those that the cache has."""

    def __init__(self, projects: Sequence[Project]) -> None:
        self._where = Where(projects)

    def read(self, one: Recorded) -> Curves:
        """The series of a version, each with the file that it is from and with what is better of it.

        Names may be the same in several files: a series is known by its name and its file.
        """
        found: list[MetricSeries] = []
        errors: list[str] = []
        for artifact, file in self._files(one.artifacts):
            try:
                found += self._series(artifact, file)
            except CPVError as error:
                errors.append(str(error))
            except OSError as error:
                errors.append(str(disk_error(error, file.path)))
        return Curves(tuple(found), tuple(errors))

    def _files(self, artifacts: Sequence[ArtifactRecord]) -> Iterator[tuple[ArtifactRecord, MetricsFile]]:
        for artifact in artifacts:
            for file in files(self._where.project(artifact.pointer), artifact.pointer):
                yield artifact, file

    def _series(self, artifact: ArtifactRecord, file: MetricsFile) -> list[MetricSeries]:
        from cpv_hooks.project import plugins

        found = plugins.series(file.path, file.name)
        if not found and artifact.kind == "metrics" and not artifact.pointer.isdir and file.path.stat().st_size:
            raise CPVError(
                "no metrics were found in it", where=file.name, fix="a plugin's cpv_metrics reads other files"
            )
        goals = self._where.project(artifact.pointer).config.metrics
        return [one if one.goal else one._replace(goal=goals.of(one.name)) for one in found]
