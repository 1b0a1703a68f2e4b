"""The metrics of a version step by step."""

from __future__ import annotations

from collections.abc import Sequence

from cpv_hooks.errors import CPVError, disk_error
from cpv_hooks.history.reader import Recorded
from cpv_hooks.history.where import Where
from cpv_hooks.metric_formats.event_file import is_event_file
from cpv_hooks.metric_formats.metric_places import place_of, source_of
from cpv_hooks.metric_formats.series import MetricSeries, merge_series
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project import plugins
from cpv_hooks.project.config import Goals
from cpv_hooks.project.project import Project
from cpv_hooks.versions.commit_metrics import MetricsFile


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
        found: dict[tuple[str, str], list[MetricSeries]] = {}
        errors: list[str] = []
        goals = self._where.project(one.artifacts[0].pointer).config.metrics if one.artifacts else Goals()
        for file in self._where.metrics_files(one, all_steps=True):
            try:
                for series in _series(file):
                    found.setdefault((source_of(file.name), series.name), []).append(series)
            except CPVError as error:
                errors.append(str(error))
            except OSError as error:
                errors.append(str(disk_error(error, file.path)))
        whole = map(merge_series, found.values())
        return Curves(tuple(one if one.goal else one._replace(goal=goals.of(one.name)) for one in whole), tuple(errors))


def _series(file: MetricsFile) -> list[MetricSeries]:
    found = plugins.series(file.path, file.name)
    if not found and file.path.stat().st_size and not _may_be_silent(file):
        fix = "a plugin's cpv_metrics reads other files"
        raise CPVError("no metrics were found in it", where=file.name, fix=fix)
    return found


def _may_be_silent(file: MetricsFile) -> bool:
    """An event file may have images alone."""
    place = place_of(file.name)
    return place is not None and place.format == "events" and is_event_file(file.path)
