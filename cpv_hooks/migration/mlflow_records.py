"""What MLflow records of runs, logged models and the registry, wherever it keeps that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from cpv_hooks.named_tuple import NamedTuple


class MlflowRun(NamedTuple):
    """A run; times are in milliseconds since the epoch, `location` is where MLflow says that its artifacts are."""

    run_id: str
    name: str
    experiment: str
    status: str
    start: int
    end: int
    location: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


class MlflowModel(NamedTuple):
    """A model that MLflow 3 keeps beside its run."""

    model_id: str
    name: str
    run_id: str
    created: int
    location: str


class RegistryVersion(NamedTuple):
    """A version of a registered model; `labels` are its aliases and, where it has one, its stage."""

    model: str
    version: int
    run_id: str
    source: str
    labels: tuple[str, ...]


class MlflowStore(NamedTuple):
    """All that a store has and that was not deleted there."""

    runs: Sequence[MlflowRun]
    models: Sequence[MlflowModel]
    registry: Sequence[RegistryVersion]


def stage_label(stage: str | None) -> tuple[str, ...]:
    """The label of a stage of before MLflow 2.9; none where a version was in none."""
    return () if stage in (None, "", "None", "Archived") else (str(stage).lower(),)


def local_folder(location: str, root: Path | None) -> Path | None:
    """The folder that a location means, here or, where artifacts were moved, below `root`; None where there is none."""
    parts = urlsplit(location)
    path = Path(url2pathname(parts.path))
    if parts.scheme in ("", "file") and path.is_dir():
        return path
    names = [name for name in path.parts if name != "/"]
    tails = (names[-count:] for count in range(min(4, len(names)), 0, -1))
    found = (root.joinpath(*tail) for tail in tails) if root is not None else iter(())
    return next((folder for folder in found if folder.is_dir()), None)
