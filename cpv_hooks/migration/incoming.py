"""Versions that come from elsewhere, made one after the other in their order; what has been made is not made again.

Each is made whole or not at all (`operations/make`), and its commit says where it is from in a trailer
(`Migrated-From: checkpoints runs/step-100`), so a run that was stopped goes on after the last one that is there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cpv_hooks.console.output import printable, size_text, warn
from cpv_hooks.console.redact import redact
from cpv_hooks.errors import CPVError
from cpv_hooks.history.promotion import promote
from cpv_hooks.metric_formats.limits import MAX_METRICS
from cpv_hooks.metric_formats.log_lines import Metric
from cpv_hooks.metric_formats.metrics import clean
from cpv_hooks.model_formats import suffixes
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.operations.make import make_version, metrics_line, target_artifact, work_tree
from cpv_hooks.operations.make.work_tree import Tracked
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.versions import stages, tag_refs
from cpv_hooks.versions.checkpoint import roots

_TRAILER = "Migrated-From"
_LONGEST = 500
"""Characters of a line of a message."""


@dataclass(frozen=True)
class Incoming:
    """A version to come. `key` is what it is called where it is from, `source` its content, a file or a folder.

    `order` is what says its place, for people; `time` is in seconds since the epoch, `size` in bytes; `notes` are lines
    of its commit's message; `stages` are those that the version is in.
    """

    key: str
    source: Path
    order: str
    time: float
    size: int
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    notes: Sequence[str] = ()
    stages: Sequence[str] = ()


class Arrived(NamedTuple):
    """A version that was made, and its tag."""

    item: Incoming
    tag: str


class Arrivals:
    """Versions of one artifact, oldest first, from one place; `origin` names the place in the trailers."""

    def __init__(self, project: Project, origin: str, items: Sequence[Incoming], path: str | None) -> None:
        make_version.begin_operation(project)
        self._project = project
        self._origin = printable(origin)
        self.items = items
        self.path = _place(project, items[0].source, path, work_tree.tracked_artifacts(project))
        done = self._commits().keys()
        last = max((at for at, item in enumerate(items) if self._from(item) in done), default=-1)
        self.todo = items[last + 1 :]

    def _from(self, item: Incoming) -> str:
        return f"{self._origin} {printable(item.key)}"

    def make(self) -> Iterator[Arrived]:
        """Make them, one with each step. Raises `CPVError`; those that were made stay."""
        for item in self.todo:
            yield Arrived(item, self._make(item))

    def promote(self) -> Iterator[str]:
        """Take the versions into their stages; yields the tags that say so. What a rule forbids is said and left."""
        wanted = {self._from(item): item.stages for item in self.items if item.stages}
        if not wanted:
            return
        repo, scheme = self._project.repo, scheme_of(self._project.config)
        projects = sorted(roots(repo, self._project), key=lambda other: other.root != self._project.root)
        for origin, commit in self._commits().items():
            tags = [tag.name for tag in tag_refs.read_tags(repo, commit=commit)]
            tag = next((name for name in tags if scheme.parse(Line.MODEL, name)), None)
            for stage in wanted.get(origin, ()) if tag else ():
                try:
                    held = {name: event.commit for name, event in stages.current(repo, self._project).items()}
                    if held.get(stage) != commit:
                        yield promote(repo, projects, str(tag), stage, f"{tag} is {stage} in MLflow")
                except CPVError as error:
                    warn(str(error))

    def _commits(self) -> dict[str, str]:
        """Where each version of this origin was made, oldest first."""
        listed = self._project.repo.run(
            "log", "--reverse", f"--format=%H %(trailers:key={_TRAILER},valueonly,unfold)", "HEAD"
        )
        return {origin: commit for commit, _, origin in (line.partition(" ") for line in listed.splitlines()) if origin}

    def _make(self, item: Incoming) -> str:
        project = self._project
        make_version.begin_operation(project)
        tracked = work_tree.tracked_artifacts(project)
        changes = [target_artifact.put(project, self.path, item.source, tracked)]
        line = Line.of(project.kind_of(self.path))
        metrics = dict(list(clean(dict[object, object](item.metrics.items())).items())[:MAX_METRICS])
        if metrics and line is Line.MODEL and project.config.artifacts.get("metrics"):
            changes.append(metrics_line.metrics_change(project, metrics, tracked, changes[0].space))
        text = [redact(printable(line))[:_LONGEST] for line in item.notes]
        values = [f"{name} = {value}" for name, value in metrics.items()]
        body = "\n\n".join("\n".join(part) for part in (values, text, [f"{_TRAILER}: {self._from(item)}"]) if part)
        planned = make_version.plan_version(
            project,
            f"migrate {self._origin.partition(' ')[0]}",
            changes,
            [line],
            version=None,
            messages={},
            description=f"{printable(item.key)}\n\n{body}",
            reuse=True,
            author_date=f"@{int(item.time)} +0000",
        )
        return planned.run()[0]


def _place(project: Project, source: Path, path: str | None, tracked: Sequence[Tracked]) -> str:
    """The artifact that is meant, from the top."""
    if path is not None:
        name = os.path.normpath(path)
        if name.startswith(("/", "../")) or name in (".", ".."):
            raise CPVError("is not a path in the DVC root", where=path, fix="--as model")
        return project.prefix + name
    found = target_artifact.artifact_for(project, Line.MODEL, source, tracked)
    is_new = all(one.pointer.path != found for one in tracked)
    if is_new and source.is_dir() and suffixes.suffix(found) in suffixes.MODEL:
        what = f"{source.name} is a folder, and {found} is the name of a file"
        raise CPVError(what, where=str(source), fix='--as model, and model = ["model"] under [artifacts] in .cpv.toml')
    return found


def source_size(source: Path) -> int:
    """Bytes of a file, or of a folder's files."""
    if not source.is_dir():
        return source.stat().st_size
    return sum(path.stat().st_size for path in source.rglob("*") if path.is_file())


def last_written(source: Path) -> float:
    """When a file, or the last of a folder's files, was written; seconds since the epoch."""
    found = [path.stat().st_mtime for path in source.rglob("*") if path.is_file()] if source.is_dir() else []
    return max(found, default=source.stat().st_mtime)


def arrival_table(items: Sequence[Incoming]) -> list[str]:
    """A line for each: its place, name, size, date, metrics."""
    rows = [
        (
            item.order,
            printable(item.key),
            size_text(item.size),
            datetime.fromtimestamp(item.time, UTC).isoformat(" ", "minutes").removesuffix("+00:00"),
            ", ".join(f"{name} {value}" for name, value in item.metrics.items()),
        )
        for item in items
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
