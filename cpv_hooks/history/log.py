"""The log of versions: which ones are asked for, and what each changed against the one before it in its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, pairwise
from re import Pattern
from typing import TypedDict

from cpv_hooks.console.times import iso_time
from cpv_hooks.dvcformat.pointer import Named
from cpv_hooks.history.conditions import Best, refuse_unknown
from cpv_hooks.history.model_contents import Models, ModelSummary
from cpv_hooks.history.reader import Recorded, keep, look_ahead
from cpv_hooks.history.recorded_contents import ArtifactRecord, FileEntry, file_entry
from cpv_hooks.history.version_metrics import origin
from cpv_hooks.history.version_series import SeriesReader
from cpv_hooks.history.where import Where
from cpv_hooks.metric_formats.condition import Condition
from cpv_hooks.metric_formats.log_lines import Metric
from cpv_hooks.metric_formats.metrics import metrics_for_json
from cpv_hooks.metric_formats.series import SeriesEntry
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.config import KINDS, Kind
from cpv_hooks.project.project import Project
from cpv_hooks.project.retired import RetiredEntry, Retirement, retirement_entry

NO_RETIRED: Mapping[str, Retirement] = {}
NO_STAGES: Mapping[str, str | None] = {}
_FIRST = 200
"""So many versions are looked for before the first line is there; then twice as many each time."""


class BestEntry(TypedDict):
    """Why a version is the best by a metric."""

    metric: str
    value: Metric
    file: str | None
    """The metrics file that says so; null where none in this clone's cache does, only the tag."""
    line: int | None
    """The line in that file, from 1; null where it is not known."""


class LogEntry(TypedDict):
    """A version. Sizes are in bytes; times are ISO 8601 in UTC."""

    tag: str
    line: str
    """The line of versions that the tag belongs to: `model` or `data`."""
    stages: list[str]
    """The stages that the version is in."""
    timestamp: str
    """When the version was made: the tag's own time, or its commit's where the tag has none."""
    author: str
    """The commit's author, `NAME <MAIL>`."""
    commit: str
    message: str
    """The first line of the tag's message, or of the commit's."""
    before: str | None
    """The version that comes before it in its line, which changes are told against; null for the first."""
    changed: list[Kind]
    """The kinds of artifacts that changed."""
    size: int | None
    """All artifacts of the line together; null where the version cannot be read."""
    size_change: int | None
    metrics: dict[str, Metric]
    """What JSON has no number for is text (`nan`)."""
    metrics_change: dict[str, int | float]
    """Of the metrics that are numbers in both versions."""
    files: list[FileEntry]
    in_cache: bool
    """Whether DVC's cache on this machine has all of it."""
    on_remote: bool | None
    """Whether the remote has all of it; null where that is not known. Only `--remote` asks for it."""
    models: list[ModelSummary] | None
    """What its models say of themselves, of those that the cache has; null where that was not asked for."""
    series: list[SeriesEntry] | None
    """The metrics step by step, as far as the cache has their files; null where that was not asked for."""
    best: BestEntry | None
    """Set where `--best` asked for it."""
    retired: RetiredEntry | None
    """Set where the version was retired: its data may be gone."""
    error: str | None
    """Why the version cannot be read; null where it can."""


class Filters(NamedTuple):
    """Which versions are wanted. Times are in seconds since the epoch; every filter must hold."""

    kinds: frozenset[Kind] = frozenset()
    since: float | None = None
    until: float | None = None
    author: Pattern[str] | None = None
    conditions: tuple[Condition, ...] = ()
    best: Best | None = None
    stage: str | None = None
    most: int | None = None


class Log:
    """The versions of a repository, as `reader.read_history` has them."""

    def __init__(
        self,
        projects: Sequence[Project],
        found: Sequence[Recorded],
        stages: Mapping[str, str | None] = NO_STAGES,
        retired: Mapping[str, Retirement] = NO_RETIRED,
    ) -> None:
        """`stages` says which version is in which stage, `retired` which ones were retired."""
        self._retired = retired
        self._where = Where(projects)
        self._found = found
        self._stages = stages
        self._before = {new.name: old for old, new in pairwise(found) if old.line is new.line}
        self._models = Models(projects, ask_remote=False)
        self._series = SeriesReader(projects)
        self.trouble: list[str] = []
        self._metrics: dict[str, Mapping[str, Metric]] = {}

    def entries(
        self, filters: Filters, *, ask_remote: bool = False, models: bool = False, series: bool = False
    ) -> Iterator[LogEntry]:
        """The versions that are wanted, newest first, or the best first. `CPVError` for a metric that none has.

        With `models` those in the cache are looked into, with `series` metrics files are read from end to end; those
        that cannot be read are in `trouble`.
        """
        try:
            yield from self._entries(filters, ask_remote=ask_remote, models=models, series=series)
        finally:
            keep(self._found)

    def _entries(self, filters: Filters, *, ask_remote: bool, models: bool, series: bool) -> Iterator[LogEntry]:
        wanted, most = iter(self._wanted(filters)), _FIRST
        while batch := list(islice(wanted, most)):
            most *= 2
            look_ahead([*batch, *(self._before[one.name] for one in batch if one.name in self._before)], more=True)
            pointers = [[artifact.pointer for artifact in one.artifacts] for one in batch]
            commits = [one.commit for one in batch]
            look = self._where
            remote = look.on_remote(pointers, commits) if ask_remote else look.recorded_on_remote(pointers)
            for one, own, is_there in zip(batch, pointers, remote, strict=True):
                in_cache = not one.error and self._where.cached(own)
                entry = self._entry(one, filters.best, in_cache=in_cache, on_remote=is_there)
                if models:
                    entry["models"] = self._models.summaries([(item.kind, item.pointer) for item in one.artifacts])
                    self.trouble += self._models.new_errors(one.name)
                if series:
                    curves = self._series.read(one)
                    entry["series"] = [found.for_json() for found in curves.series]
                    self.trouble += [f"{one.name}: {error}" for error in curves.errors]
                yield entry

    def _wanted(self, filters: Filters) -> Sequence[Recorded]:
        asked = [condition.metric for condition in filters.conditions]
        asked += [filters.best.metric] if filters.best else []
        if asked or filters.kinds:
            look_ahead(self._found, more=True)
        if asked:
            refuse_unknown(asked, {name for one in self._found for name in self.metrics(one)})
        kept = [one for one in self._found if self._is_wanted(one, filters)]
        kept.sort(key=lambda one: (one.time, one.line, one.number), reverse=True)
        most = filters.most
        if filters.best:
            ranked = [(rank, one) for one in kept if (rank := filters.best.rank(self.metrics(one))) is not None]
            # Of equals the one that was there first.
            kept = [one for _, one in sorted(ranked, key=lambda pair: (pair[0], pair[1].time, pair[1].number))]
            most = 1 if most is None else most
        return kept[:most]

    def _is_wanted(self, one: Recorded, filters: Filters) -> bool:
        return (
            (filters.since is None or one.time >= filters.since)
            and (filters.until is None or one.time <= filters.until)
            and (filters.stage is None or self._stages.get(filters.stage) == one.name)
            and (filters.author is None or filters.author.search(one.author) is not None)
            and (not filters.kinds or not filters.kinds.isdisjoint(self._changed(one)))
            and all(condition.holds(self.metrics(one)) for condition in filters.conditions)
        )

    def metrics(self, one: Recorded) -> Mapping[str, Metric]:
        """See `Where.metrics`; files are read once."""
        if one.name not in self._metrics:
            self._metrics[one.name] = self._where.metrics(one)
        return self._metrics[one.name]

    def _changed(self, one: Recorded) -> list[Kind]:
        old = _contents(self._before[one.name].artifacts) if one.name in self._before else {}
        new = _contents(one.artifacts)
        kinds = {kind for path, (kind, content) in new.items() if path not in old or old[path][1] != content}
        kinds |= {kind for path, (kind, _) in old.items() if path not in new} if not one.error else set()
        return [kind for kind in KINDS if kind in kinds]

    def _entry(self, one: Recorded, best: Best | None, *, in_cache: bool, on_remote: bool | None) -> LogEntry:
        before = self._before.get(one.name)
        size, old = size_of(one), size_of(before) if before else None
        metrics = self.metrics(one)
        return LogEntry(
            tag=one.name,
            line=str(one.line),
            stages=sorted(stage for stage, name in self._stages.items() if name == one.name),
            timestamp=iso_time(one.time),
            author=one.author,
            commit=one.commit,
            message=one.message,
            before=before.name if before else None,
            changed=self._changed(one),
            size=size,
            size_change=None if size is None or old is None else size - old,
            metrics=metrics_for_json(metrics),
            metrics_change=deltas(self.metrics(before) if before else {}, metrics),
            files=[file_entry(artifact.kind, artifact.pointer) for artifact in one.artifacts],
            in_cache=in_cache,
            on_remote=None if one.error else on_remote,
            models=None,
            series=None,
            best=self._best(one, best.metric) if best else None,
            retired=retirement_entry(self._retired.get(one.name)),
            error=str(one.error) if one.error else None,
        )

    def _best(self, one: Recorded, metric: str) -> BestEntry:
        value = self.metrics(one)[metric]
        found = origin(self._where.metrics_files(one), metric, value)
        return BestEntry(
            metric=metric, value=value, file=found.file if found else None, line=found.line if found else None
        )


def size_of(one: Recorded) -> int | None:
    """Bytes of all its artifacts together; None where it cannot be read."""
    return None if one.error else sum(artifact.pointer.size or 0 for artifact in one.artifacts)


def deltas(old: Mapping[str, Metric], new: Mapping[str, Metric]) -> dict[str, int | float]:
    """By how much each metric that is a number in both has changed."""
    return {
        key: value - before
        for key, value in new.items()
        if not isinstance(value, str)
        and not isinstance(before := old.get(key, ""), str)
        and value - before == value - before  # neither is NaN
        and abs(value - before) != float("inf")
    }


def _contents(artifacts: Sequence[ArtifactRecord]) -> dict[str, tuple[Kind, Named]]:
    return {one.pointer.path: (one.kind, one.pointer.named) for one in artifacts}
