"""MLflow's file store, `mlruns/`: a folder for each experiment, in it one for each run, with a `meta.yaml`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cpv_hooks.errors import CPVError
from cpv_hooks.migration.mlflow_records import MlflowModel, MlflowRun, MlflowStore, RegistryVersion, stage_label

_META = "meta.yaml"
_MODELS = "models"
_MOST = 1 << 20
_STATUS = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}


def read_mlflow_folder(folder: Path) -> MlflowStore:
    """Read a file store. Raises `CPVError` for a folder that is none, and for a `meta.yaml` that cannot be read."""
    experiments = [place for place in sorted(folder.iterdir()) if place.name != _MODELS and (place / _META).is_file()]
    if not experiments:
        fix = "name the mlruns folder, or MLflow's database: mlflow.db"
        raise CPVError("has no MLflow experiment", where=str(folder), fix=fix)
    store = MlflowStore([], [], list(_registry(folder / _MODELS)))
    for place in experiments:
        experiment = _meta(place)
        if experiment.get("lifecycle_stage", "active") == "active":
            name = str(experiment.get("name") or place.name)
            store = store._replace(
                runs=[*store.runs, *_runs(place, name)], models=[*store.models, *_models(place / _MODELS)]
            )
    return store


def _runs(place: Path, experiment: str) -> Iterator[MlflowRun]:
    for folder in _with_meta(place):
        meta = _meta(folder)
        if meta.get("lifecycle_stage", "active") != "active":
            continue
        tags, run = _texts(folder / "tags"), str(meta.get("run_id") or folder.name)
        yield MlflowRun(
            run,
            str(meta.get("run_name") or tags.get("mlflow.runName") or run),
            experiment,
            _STATUS.get(_number(meta.get("status")), "unknown"),
            _number(meta.get("start_time")),
            _number(meta.get("end_time") or meta.get("start_time")),
            str(folder / "artifacts"),
            _texts(folder / "params"),
            dict(_metrics(folder / "metrics")),
            tags,
        )


def _models(place: Path) -> Iterator[MlflowModel]:
    for folder in _with_meta(place):
        meta = _meta(folder)
        if meta.get("lifecycle_stage", "active") == "active":
            yield MlflowModel(
                str(meta.get("model_id") or folder.name),
                str(meta.get("name")),
                str(meta.get("source_run_id") or ""),
                _number(meta.get("creation_timestamp")),
                str(folder / "artifacts"),
            )


def _registry(place: Path) -> Iterator[RegistryVersion]:
    for model in _with_meta(place):
        aliases = _texts(model / "aliases")
        for folder in _with_meta(model):
            meta = _meta(folder)
            number = _number(meta.get("version"))
            labels = tuple(alias for alias, version in aliases.items() if version == str(number))
            yield RegistryVersion(
                str(meta.get("name") or model.name),
                number,
                str(meta.get("run_id") or ""),
                str(meta.get("source") or ""),
                (*labels, *stage_label(meta.get("current_stage"))),
            )


def _with_meta(place: Path) -> list[Path]:
    return [folder for folder in sorted(place.iterdir()) if (folder / _META).is_file()] if place.is_dir() else []


def _meta(folder: Path) -> Mapping[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    path = folder / _META
    try:
        found = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        raise CPVError("is no YAML", where=str(path), fix="restore it, or move its folder away") from error
    if not isinstance(found, Mapping):
        raise CPVError("is not what MLflow writes", where=str(path), fix="restore it, or move its folder away")
    return found


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    """Each file's name, which may have folders in it, and its text."""
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file() and path.stat().st_size <= _MOST:
            yield path.relative_to(folder).as_posix(), path.read_text(encoding="utf-8", errors="replace")


def _texts(folder: Path) -> dict[str, str]:
    return {name: text.strip() for name, text in _files(folder)}


def _metrics(folder: Path) -> Iterator[tuple[str, float]]:
    """The value of the last step; a line is `TIME VALUE STEP`."""
    for name, text in _files(folder):
        rows = [line.split() for line in text.splitlines()]
        try:
            last = max((int(row[2]) if len(row) > 2 else 0, int(row[0]), float(row[1])) for row in rows if row)
        except (ValueError, IndexError):
            continue
        if math.isfinite(last[2]):
            yield name, last[2]


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | float | str) and str(value).isdigit() else 0
