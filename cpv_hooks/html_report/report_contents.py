"""What the page shows, as one JSON document."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TypedDict

from cpv_hooks.console.times import iso_time
from cpv_hooks.git.repo import Repo
from cpv_hooks.history.log import Filters, Log, LogEntry
from cpv_hooks.history.reader import Recorded, look_ahead
from cpv_hooks.html_report.growth import Growth, StorageGrowth
from cpv_hooks.html_report.model_tables import ModelTables
from cpv_hooks.html_report.step_curves import CurveEntry, StepCurves
from cpv_hooks.html_report.tables import RowTable, plain
from cpv_hooks.html_report.version_settings import VersionSettings
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project import plugins, retired
from cpv_hooks.project.project import Project
from cpv_hooks.versions import stages
from cpv_hooks.versions.stages import StageEvent

_HASH = 12
"""Digits of an id that are shown."""
_NOTES = 10
_MAX_ROWS = 1000
"""Rows of a plugin's panel."""


class VersionRow(TypedDict):
    """A version; `artifacts`, `settings`, `models` and `curves` are indices into the document's tables."""

    tag: str
    line: str
    stages: list[str]
    time: str
    author: str
    commit: str
    message: str
    before: str | None
    changed: Sequence[str]
    size: int | None
    change: int | None
    added: int
    exact: bool
    """False where `added` may be less."""
    metrics: Mapping[str, int | float | str]
    artifacts: list[int]
    settings: int
    models: list[int] | None
    """null where they were not looked into."""
    curves: int | None
    """null where it has none, or they were not read."""
    cached: bool
    remote: bool | None
    retired: str | None
    """Why it was retired, which may be an empty text; null where it is not."""
    error: str | None


class StageRow(TypedDict):
    action: str
    stage: str
    tag: str | None
    time: str
    author: str
    message: str


class Panel(TypedDict):
    title: str
    columns: list[str]
    rows: list[list[str]]


class Document(TypedDict):
    """Versions are newest first, stage events oldest first; sizes are in bytes, times ISO 8601 in UTC."""

    repository: str
    made: str
    total: int
    """The versions that there are, of which the page may show fewer."""
    versions: list[VersionRow]
    artifacts: list[list[object]]
    """Path, kind, size, the hash's first digits, number of files."""
    pairs: list[list[object]]
    """File, key, value of a setting."""
    settings: list[list[int]]
    models: list[dict[str, object]]
    tensors: list[list[list[object]]]
    """Of each architecture its tensors: name, shape, type."""
    curves: list[list[CurveEntry]]
    goals: Mapping[str, str]
    """Of metrics of which it is known, whether the highest (`max`) or the lowest (`min`) value is best."""
    main: str | None
    """The main metric."""
    stages: dict[str, str | None]
    events: list[StageRow]
    notes: list[str]
    panels: list[Panel]


class ReportContents(NamedTuple):
    """What the page is made of, and a line for each thing that could not be read; the page has them too."""

    document: Document
    trouble: list[str]


def report_contents(
    repo: Repo, projects: Sequence[Project], found: Sequence[Recorded], filters: Filters, *, ask_remote: bool = False
) -> ReportContents:
    """Of the versions that history has (`found`), those that are wanted."""
    events = stages.stage_history(repo, projects[0])
    held = {stage: own[-1].version for stage, own in stages.held(events).items()}
    entries = list(Log(projects, found, held, retired.read_retirements(repo)).entries(filters, ask_remote=ask_remote))
    page = _Page(repo, projects, found, ask_remote=ask_remote)
    document = page.document(entries, held, events)
    unread = [f"{entry['tag']} cannot be read: {entry['error']}" for entry in entries if entry["error"]]
    return ReportContents(document, unread + page.trouble)


class _Page:
    def __init__(self, repo: Repo, projects: Sequence[Project], found: Sequence[Recorded], *, ask_remote: bool) -> None:
        self._repo = repo
        self._goals = projects[0].config.metrics
        self._found = found
        # What a version added is known by all that came before it.
        look_ahead(found)
        self._growth = StorageGrowth(projects).of(found)
        self._settings = VersionSettings(repo, projects)
        self._models = ModelTables(projects, ask_remote=ask_remote)
        self._curves = StepCurves(projects)
        self._artifacts = RowTable[tuple[object, ...]]()

    def document(
        self, entries: Sequence[LogEntry], held: Mapping[str, str | None], events: Sequence[StageEvent]
    ) -> Document:
        by_name = {one.name: one for one in self._found}
        # What is in a stage, and what is newest, is looked into first.
        first = sorted(entries, key=lambda entry: not entry["stages"])
        looked = {entry["tag"]: self._look(by_name[entry["tag"]]) for entry in first}
        versions = [self._row(entry, self._growth[entry["tag"]], *looked[entry["tag"]]) for entry in entries]
        return Document(
            repository=self._repo.top.name,
            made=iso_time(time.time()),
            total=len(self._found),
            versions=versions,
            artifacts=self._artifacts.rows,
            pairs=self._settings.pairs.rows,
            settings=self._settings.sets.rows,
            models=self._models.models.rows,
            tensors=self._models.tensors.rows,
            curves=self._curves.table.rows,
            goals=self._known_goals(entries),
            main=self._goals.main,
            stages=dict(held),
            events=[_event(event) for event in events],
            notes=self._notes(),
            panels=_panels(entries),
        )

    @property
    def trouble(self) -> list[str]:
        """What could not be read of versions that were looked into."""
        return self._models.trouble + self._curves.trouble

    def _look(self, one: Recorded) -> tuple[list[int] | None, int | None]:
        return self._models.of(one), self._curves.of(one)

    def _row(self, entry: LogEntry, growth: Growth, models: list[int] | None, curves: int | None) -> VersionRow:
        return VersionRow(
            tag=entry["tag"],
            line=entry["line"],
            stages=entry["stages"],
            time=entry["timestamp"],
            author=entry["author"].partition(" <")[0],
            commit=entry["commit"][:_HASH],
            message=entry["message"],
            before=entry["before"],
            changed=entry["changed"],
            size=entry["size"],
            change=entry["size_change"],
            added=growth.added,
            exact=growth.exact,
            metrics=entry["metrics"],
            artifacts=[
                self._artifact(file["path"], file["kind"], file["size"], file["md5"], file["nfiles"])
                for file in entry["files"]
            ],
            settings=self._settings.of(entry["commit"]) if not entry["error"] else self._settings.nothing,
            models=models,
            curves=curves,
            cached=entry["in_cache"],
            remote=entry["on_remote"],
            retired=entry["retired"]["reason"] if entry["retired"] else None,
            error=entry["error"],
        )

    def _artifact(self, path: str, kind: str, size: int | None, md5: str | None, nfiles: int | None) -> int:
        return self._artifacts.index((path, kind, md5), [path, kind, size, md5 and md5[:_HASH], nfiles])

    def _known_goals(self, entries: Sequence[LogEntry]) -> dict[str, str]:
        names = {name for entry in entries for name in entry["metrics"]}
        names |= {curve["name"] for curves in self._curves.table.rows for curve in curves}
        return {name: goal for name in sorted(names) if (goal := self._goals.of(name))}

    def _notes(self) -> list[str]:
        shallow = ["This clone is shallow, so older versions may be missing."]
        return (shallow if (self._repo.common_dir / "shallow").exists() else []) + self._curves.trouble[:_NOTES]


def _panels(entries: Sequence[LogEntry]) -> list[Panel]:
    return [
        Panel(
            title=_text(panel.title),
            columns=[_text(name) for name in panel.columns],
            rows=[[_text(cell) for cell in row] for row in panel.rows[:_MAX_ROWS]],
        )
        for panel in plugins.report_panels(entries)
    ]


def _text(value: object) -> str:
    return str(plain(value))


def _event(event: StageEvent) -> StageRow:
    return StageRow(
        action=event.action,
        stage=event.stage,
        tag=event.version,
        time=iso_time(event.time),
        author=event.author.partition(" <")[0],
        message=event.message,
    )
