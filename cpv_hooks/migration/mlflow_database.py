"""MLflow's tracking database in SQLite, read and never written: https://mlflow.org/docs/latest/self-hosting/architecture/backend-store

Tables of MLflow 1 to 3; what an older one lacks counts as empty.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cpv_hooks.errors import CPVError
from cpv_hooks.migration.mlflow_records import MlflowModel, MlflowRun, MlflowStore, RegistryVersion, stage_label

_RUNS = """
    SELECT run_uuid, runs.name, experiments.name, status, start_time, end_time, artifact_uri
    FROM runs JOIN experiments USING (experiment_id)
    WHERE runs.lifecycle_stage = 'active' AND experiments.lifecycle_stage = 'active'
"""
_MODELS = """
    SELECT model_id, name, source_run_id, creation_timestamp_ms, artifact_location
    FROM logged_models WHERE lifecycle_stage = 'active'
"""
_VERSIONS = "SELECT name, version, run_id, source, current_stage FROM model_versions"
_PAIRS = {
    "params": "SELECT run_uuid, key, value FROM params",
    "tags": "SELECT run_uuid, key, value FROM tags",
    "latest_metrics": "SELECT run_uuid, key, value FROM latest_metrics WHERE NOT is_nan",
    "registered_model_aliases": "SELECT name || '/' || version, alias, alias FROM registered_model_aliases",
}


def read_mlflow_database(path: Path) -> MlflowStore:
    """Read a database. Raises `CPVError` for a file that is none of MLflow's."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as database:
            return _Reader(database).store()
    except sqlite3.Error as error:
        fix = "name MLflow's database (mlflow.db), or its mlruns folder"
        raise CPVError(f"is not an MLflow database ({error})", where=str(path), fix=fix) from error


class _Reader:
    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        listed = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        self._tables = {str(name) for (name,) in listed}

    def store(self) -> MlflowStore:
        params, tags, metrics = self._pairs("params"), self._pairs("tags"), self._pairs("latest_metrics")
        runs = [
            MlflowRun(
                str(run),
                str(name or tags.get(run, {}).get("mlflow.runName") or run),
                str(experiment),
                str(status),
                int(start or 0),
                int(end or start or 0),
                str(location),
                params.get(run, {}),
                {key: float(value) for key, value in metrics.get(run, {}).items()},
                tags.get(run, {}),
            )
            for run, name, experiment, status, start, end, location in self._database.execute(_RUNS)
        ]
        models = [
            MlflowModel(str(model), str(name), str(run or ""), int(created), str(location))
            for model, name, run, created, location in self._rows("logged_models", _MODELS)
        ]
        aliases = self._pairs("registered_model_aliases")
        registry = [
            RegistryVersion(
                str(name),
                int(version),
                str(run or ""),
                str(source or ""),
                (*aliases.get(f"{name}/{version}", {}), *stage_label(stage)),
            )
            for name, version, run, source, stage in self._rows("model_versions", _VERSIONS)
        ]
        return MlflowStore(runs, models, registry)

    def _rows(self, table: str, query: str) -> Iterator[tuple[Any, ...]]:
        return self._database.execute(query) if table in self._tables else iter(())

    def _pairs(self, table: str) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for owner, key, value in self._rows(table, _PAIRS[table]):
            found.setdefault(str(owner), {})[str(key)] = str(value)
        return found
