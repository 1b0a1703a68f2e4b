"""What is known about a version: when, by whom and why it was made, what it holds, and where that is.

Everything returned can be given to `json.dumps` as it is. Nothing is fetched, and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Mapping

from cpv_hooks.history.model_contents import ModelEntry, Models
from cpv_hooks.history.recorded_contents import FileEntry, file_entry
from cpv_hooks.history.version_metrics import in_cache, metrics_of_version
from cpv_hooks.metric_formats.metrics import metrics_for_json
from cpv_hooks.operations.info.version_history import HistoryMetadata, as_of, version_history, version_of_either_line
from cpv_hooks.project.project import Project
from cpv_hooks.project.retired import RetiredEntry, Retirement, read_retirements, retirement_entry
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.transfer.objects.availability import is_cached, on_remote
from cpv_hooks.versions.version import Version, resolve_version, version_tags


class VersionMetadata(HistoryMetadata):
    """What model and data versions have in common."""

    tag: str | None
    """The version's tag. None only inside `CombinedMetadata`, for content that no tag names."""
    size: int
    """Bytes of all files together."""
    hash: str | None
    """DVC's hash of the first model or data artifact."""
    files: list[FileEntry]
    """Every artifact of the version's line."""
    nfiles: int
    """The number of files, those in directories counted one by one."""
    version_count: int
    """How many versions the line has."""
    in_cache: bool
    """Whether DVC's cache on this machine has all of it."""
    on_remote: bool | None
    """Whether the remote has all of it, as far as it should (an import has its own source); None where it could not be
    asked. A directory's listing stands for its files: it is uploaded after them."""
    retired: RetiredEntry | None
    """When, by whom and why the version was retired, so that its data may be gone; None where it was not."""


class ModelMetadata(VersionMetadata):
    """A model version: the artifacts of kind model, metrics and extra."""

    metrics: dict[str, int | float | str]
    """As the tag says, else as the metrics file in DVC's cache does; what JSON has no number for is text (`nan`)."""
    models: list[ModelEntry]
    """What those artifacts say of themselves that are models of a format that is known. What the cache lacks is read
    from the remote by ranges, where that answers."""


class DataMetadata(VersionMetadata):
    """A data version: the artifacts of kind data."""


class CombinedMetadata(HistoryMetadata):
    """Model and data as they were in one commit."""

    tag: str
    """The tag that was asked for."""
    size: int
    """Bytes of model and data together."""
    model: ModelMetadata | None
    """The model of this commit under its own latest tag; None where the commit has none."""
    data: DataMetadata | None
    """The data of this commit, likewise."""


def model_metadata(project: Project, tag: str | None = None) -> ModelMetadata:
    """A model version's metadata, the highest version's by default; `CPVError` for a tag that is not there."""
    version = resolve_version(project, Line.MODEL, tag)
    return _model(project, version, version.name, _on_remote(project, [version])[0])


def data_metadata(project: Project, tag: str | None = None) -> DataMetadata:
    """A data version's metadata, the highest version's by default; `CPVError` for a tag that is not there."""
    version = resolve_version(project, Line.DATA, tag)
    return DataMetadata(**_common(project, version, version.name, _on_remote(project, [version])[0]))


def combined_metadata(project: Project, tag: str | None = None) -> CombinedMetadata:
    """The metadata of model and data as they were at a version of either line, the latest one by default.

    `tag` may be a tag of either line or the bare number, which means the model's version where both have it. Raises
    `CPVError` for one that neither line has.
    """
    version = version_of_either_line(project, tag)
    parts = {line: as_of(project, line, version) for line in Line}
    there = {line: part for line, part in parts.items() if part is not None}
    asked = dict(zip(there, _on_remote(project, [part.version for part in there.values()]), strict=True))
    model, data = there.get(Line.MODEL), there.get(Line.DATA)
    found_model = _model(project, model.version, model.tag, asked[Line.MODEL]) if model else None
    found_data = DataMetadata(**_common(project, data.version, data.tag, asked[Line.DATA])) if data else None
    return CombinedMetadata(
        **version_history(project, version.commit, version.name),
        tag=version.name,
        size=sum(found["size"] for found in (found_model, found_data) if found),
        model=found_model,
        data=found_data,
    )


def _model(project: Project, version: Version, tag: str | None, on_remote: bool | None) -> ModelMetadata:
    found = metrics_of_version(project, version, lambda pointer: in_cache(project, pointer))
    artifacts = [(project.kind_of(pointer.path), pointer) for pointer in version.pointers]
    models = Models([project], ask_remote=on_remote is not None).entries(artifacts)
    return ModelMetadata(**_common(project, version, tag, on_remote), metrics=metrics_for_json(found), models=models)


def _common(project: Project, version: Version, tag: str | None, on_remote: bool | None) -> VersionMetadata:
    files = [file_entry(project.kind_of(pointer.path), pointer) for pointer in version.pointers]
    retired: Mapping[str, Retirement] = read_retirements(project.repo)
    main = "data" if version.line is Line.DATA else "model"
    return VersionMetadata(
        **version_history(project, version.commit, tag),
        tag=tag,
        size=sum(file["size"] or 0 for file in files),
        hash=next((file["md5"] for file in files if file["kind"] == main), None),
        files=files,
        nfiles=sum(file["nfiles"] or 0 for file in files),
        version_count=len(version_tags(project, version.line)),
        in_cache=is_cached(project, version.pointers),
        on_remote=on_remote,
        retired=retirement_entry(retired.get(tag or "")),
    )


def _on_remote(project: Project, versions: list[Version]) -> list[bool | None]:
    return on_remote(project, [version.pointers for version in versions], [version.commit for version in versions])
