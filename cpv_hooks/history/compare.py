"""Two versions side by side: artifacts, files of folders, metrics, settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypedDict

from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.history.log import deltas
from cpv_hooks.history.model_changes import ModelChange, compare_models
from cpv_hooks.history.model_contents import READ_KINDS, Models
from cpv_hooks.history.settings_changes import flat_settings
from cpv_hooks.history.side import Side
from cpv_hooks.history.where import Where
from cpv_hooks.metric_formats.log_lines import Metric
from cpv_hooks.metric_formats.metrics import metrics_for_json
from cpv_hooks.project import retired
from cpv_hooks.project.config import Kind
from cpv_hooks.project.project import Project
from cpv_hooks.transfer.objects.store import Stores

Change = Literal["added", "removed", "changed"]


class FileChange(TypedDict):
    """A file of a folder. Sizes are in bytes; null where it is not there, or where the cache does not have it."""

    path: str
    """Relative to the folder."""
    change: Change
    size_before: int | None
    size_after: int | None


class ArtifactChange(TypedDict):
    """An artifact that differs. Sizes are in bytes, of a folder all its files' together."""

    path: str
    kind: Kind
    change: Change
    size_before: int | None
    size_after: int | None
    md5_before: str | None
    md5_after: str | None
    hash_before: str | None
    hash_after: str | None
    """By which of DVC's rules: `md5`, or `md5-dos2unix`, which is DVC 2's and leaves the line ends of text open."""
    files: list[FileChange] | None
    """The files of a folder that differ; null for a file, and where a list of files is neither here nor there."""


class MetricChange(TypedDict):
    """A metric of either side; what JSON has no number for is text (`nan`)."""

    name: str
    before: Metric | None
    after: Metric | None
    change: int | float | None
    """The difference of two numbers; null where one is none."""


class SettingChange(TypedDict):
    """A setting that differs: a key of `params.yaml` or `.cpv.toml`, with its value on each side (null: not set)."""

    file: str
    key: str
    before: object
    after: object


class Difference(TypedDict):
    """What differs between two versions."""

    a: str
    b: str | None
    """null: the work tree."""
    artifacts: list[ArtifactChange]
    models: list[ModelChange]
    """What changed inside those of these artifacts that are models of a format that is known."""
    metrics: list[MetricChange]
    """All metrics, those that are equal too."""
    settings: list[SettingChange]
    notes: list[str]
    """Which of the two was retired, so that its data may be gone."""
    errors: list[str]
    """What could not be read; the rest is compared all the same."""


def compare(projects: Sequence[Project], a: Side, b: Side, *, weights: bool = False) -> Difference:
    """Compare two sides. What the cache lacks of lists of files and of models' headers is read from the remote.

    With `weights` all of the models' weights are read, from the remote too, for the norms of their changes.
    """
    errors = [str(error) for side in (a, b) for error in side.errors]
    known = retired.read_retirements(projects[0].repo)
    artifacts = list(_Artifacts(projects, errors).changes(a, b))
    models = list(_models(Models(projects), artifacts, a, b, errors, weights=weights))
    changes = deltas(a.metrics, b.metrics)
    before, after = metrics_for_json(a.metrics), metrics_for_json(b.metrics)
    return Difference(
        a=a.name or "",
        b=b.name,
        artifacts=artifacts,
        models=models,
        metrics=[
            MetricChange(name=name, before=before.get(name), after=after.get(name), change=changes.get(name))
            for name in dict.fromkeys([*a.metrics, *b.metrics])
        ],
        settings=list(_settings(a, b, errors)),
        notes=[str(known[name]) for name in (a.name, b.name) if name is not None and name in known],
        errors=errors,
    )


class _Gone(Exception):
    """A list of files that went with a retired version."""


class _Artifacts:
    def __init__(self, projects: Sequence[Project], errors: list[str]) -> None:
        self._where = Where(projects)
        self._errors = errors
        self._known: dict[Path, Stores] = {}

    def changes(self, a: Side, b: Side) -> Iterator[ArtifactChange]:
        for path in sorted({*a.artifacts, *b.artifacts}):
            old, new = a.artifacts.get(path), b.artifacts.get(path)
            one, other = old and old.pointer, new and new.pointer
            if one and other and one.named == other.named:
                continue
            known = new or old
            assert known is not None
            yield ArtifactChange(
                path=path,
                kind=known.kind,
                change="added" if one is None else "removed" if other is None else "changed",
                size_before=one.size if one else None,
                size_after=other.size if other else None,
                md5_before=one.oid if one else None,
                md5_after=other.oid if other else None,
                hash_before=_rule(one),
                hash_after=_rule(other),
                files=self._files(one, other),
            )

    def _files(self, old: Pointer | None, new: Pointer | None) -> list[FileChange] | None:
        if not any(pointer and pointer.isdir for pointer in (old, new)):
            return None
        try:
            before, after = (self._listing(pointer) for pointer in (old, new))
        except _Gone:
            return None
        except (CPVError, OSError) as error:
            self._errors.append(str(error))
            return None
        old_size, new_size = self._sizes(old), self._sizes(new)
        same_rule = old is None or new is None or old.legacy == new.legacy
        return [
            FileChange(
                path=path,
                change="added" if path not in before else "removed" if path not in after else "changed",
                size_before=old_size(before.get(path)),
                size_after=new_size(after.get(path)),
            )
            for path in sorted({*before, *after})
            if not same_rule or before.get(path) != after.get(path)
        ]

    def _listing(self, pointer: Pointer | None) -> dict[str, str]:
        if pointer is None or not pointer.isdir or pointer.oid is None:
            return {}
        if pointer.stored:
            return {item.relpath: item.oid for item in pointer.stored}
        with Progress("reading lists of files") as progress:
            found = self._stores(pointer).of(pointer).listing(pointer.oid, progress)
        if found is None and retired.retirement_of(self._where.project(pointer).repo, [pointer]):
            raise _Gone
        if found is None:
            what = "neither the cache nor the remote has the list of its files"
            raise CPVError(what, where=pointer.path, fix="dvc cpv verify --all")
        return dict(found)

    def _sizes(self, pointer: Pointer | None) -> Callable[[str | None], int | None]:
        """The size of a file of an artifact, by its object: as the pointer says it, or as the cache has it."""
        known = {item.oid: item.size for item in pointer.stored} if pointer else {}

        def size(oid: str | None) -> int | None:
            if pointer is None or oid is None or known.get(oid) is not None:
                return known.get(oid or "")
            blob = self._stores(pointer).of(pointer).blob(oid)
            return blob.size if blob else None

        return size

    def _stores(self, pointer: Pointer) -> Stores:
        project = self._where.project(pointer)
        return self._known.setdefault(project.root, Stores(project))


def _rule(pointer: Pointer | None) -> str | None:
    return None if pointer is None or pointer.oid is None else "md5-dos2unix" if pointer.legacy else "md5"


def _models(
    models: Models, artifacts: Sequence[ArtifactChange], a: Side, b: Side, errors: list[str], *, weights: bool
) -> Iterator[ModelChange]:
    for item in artifacts:
        if item["kind"] not in READ_KINDS:
            continue
        one, other = (side.artifacts.get(item["path"]) for side in (a, b))
        before, after = (models.read(found.pointer) if found else None for found in (one, other))
        said = dict.fromkeys(error for found in (before, after) if found for error in found.errors)
        errors += [f"{item['path']}: {error}" for error in said]
        if (before and before.format) or (after and after.format):
            here = all(found is None or models.is_here(found.pointer) for found in (one, other))
            try:
                yield compare_models(item["path"], before, after, reads=here or weights, weights=weights)
            except (CPVError, OSError) as error:
                errors.append(f"{item['path']}: {error}")
                yield compare_models(item["path"], before, after)


def _settings(a: Side, b: Side, errors: list[str]) -> Iterator[SettingChange]:
    for file in sorted({*a.settings, *b.settings}):
        before, after = (_flat(side.settings.get(file), file, errors) for side in (a, b))
        if before is None or after is None:
            continue
        for key in dict.fromkeys([*before, *after]):
            if before.get(key) != after.get(key) or (key in before) is not (key in after):
                yield SettingChange(file=file, key=key, before=before.get(key), after=after.get(key))


def _flat(data: bytes | None, file: str, errors: list[str]) -> Mapping[str, object] | None:
    try:
        return {} if data is None else flat_settings(data, file)
    except CPVError as error:
        errors.append(str(error))
        return None
