"""`migrate mlflow`: the models of MLflow's runs become versions, oldest run first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from cpv_hooks.console.output import few, printable, say
from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.migration.incoming import Incoming, source_size
from cpv_hooks.migration.mlflow_database import read_mlflow_database
from cpv_hooks.migration.mlflow_folder import read_mlflow_folder
from cpv_hooks.migration.mlflow_records import MlflowRun, MlflowStore, RegistryVersion, local_folder

_MODEL = "MLmodel"
_MOST_NOTES = 100
_SQLITE = re.compile(r"sqlite:///(.+)")
_TOLD = ("mlflow.source.name", "mlflow.source.git.commit", "mlflow.note.content")
"""Of the tags that MLflow makes itself, those that say something of the run."""


def read_mlflow(
    place: str, cwd: Path, *, artifacts: Path | None = None, experiment: str | None = None
) -> list[Incoming]:
    """The models of a store, `mlruns` or `sqlite:///mlflow.db` (or the file's name); runs without any are passed over.

    `artifacts` is where artifacts were moved to. Raises `CPVError` for what is no store, for several experiments of
    which none is named, and for artifacts that are not here.
    """
    found = _SQLITE.fullmatch(place)
    if "://" in place and found is None:
        raise CPVError("is an MLflow server", where=place, fix="name its database file, or its mlruns folder")
    path = cwd / (found[1] if found else place)
    if not path.exists():
        raise CPVError("does not exist", where=str(path), fix="name mlruns, or mlflow.db")
    store = read_mlflow_folder(path) if path.is_dir() else read_mlflow_database(path)
    return _Models(store, artifacts).of(experiment, path)


class _Models:
    def __init__(self, store: MlflowStore, artifacts: Path | None) -> None:
        self._store = store
        self._artifacts = artifacts
        self._passed: list[str] = []

    def of(self, experiment: str | None, path: Path) -> list[Incoming]:
        runs = sorted(self._store.runs, key=lambda run: (run.start, run.run_id))
        chosen = [run for run in runs if experiment in (None, run.experiment)]
        if not chosen:
            known = ", ".join(sorted({run.experiment for run in runs})) or "none"
            what = f"no run of experiment {experiment!r} (those with runs: {known})" if experiment else "has no run"
            raise CPVError(what, where=str(path), fix="name another experiment, or another store")
        items = {run.run_id: list(self._of_run(run)) for run in chosen}
        used = [run.experiment for run in chosen if items[run.run_id]]
        if len(set(used)) > 1:
            first = shell_word(used[0])
            what = f"{len(set(used))} experiments have models: {', '.join(map(printable, dict.fromkeys(used)))}"
            raise CPVError(what, where=str(path), fix=f"name one: --experiment {first}")
        if self._passed:
            say(f"skipped, without artifacts: {few([printable(name) for name in self._passed])}")
        found = [item for run in chosen for item in items[run.run_id]]
        if not found:
            raise CPVError("no run here has artifacts", where=str(path), fix="name another store, or --artifacts DIR")
        return found

    def _of_run(self, run: MlflowRun) -> Iterator[Incoming]:
        logged = sorted((one for one in self._store.models if one.run_id == run.run_id), key=lambda one: one.created)
        units = [(one.name, one.model_id, one.created, self._folder(run, one.location)) for one in logged]
        if not units:
            own = local_folder(run.location, self._artifacts)
            if own is None and self._artifacts is None and not _is_here(run.location):
                raise self._elsewhere(run, run.location)
            units = [(name, name, run.end, folder) for name, folder in _models_in(own)]
        if not units:
            self._passed.append(run.name)
        for name, mark, created, folder in units:
            versions = [one for one in self._store.registry if _is_of(one, run, mark, alone=len(units) == 1)]
            several = f" {name}" if len(units) > 1 else ""
            yield Incoming(
                f"{run.run_id}{several}",
                folder,
                run.name,
                created / 1000,
                source_size(folder),
                run.metrics,
                tuple(_notes(run, versions)),
                tuple(label for one in versions for label in one.labels),
            )

    def _folder(self, run: MlflowRun, location: str) -> Path:
        found = local_folder(location, self._artifacts)
        if found is None:
            raise self._elsewhere(run, location)
        return found

    @staticmethod
    def _elsewhere(run: MlflowRun, location: str) -> CPVError:
        what = f"the artifacts of run {printable(run.name)} are not on this machine"
        return CPVError(what, where=location, fix="copy them here, then name their folder: --artifacts DIR")


def _is_here(location: str) -> bool:
    """Whether a location is one of this machine; a run without artifacts may have no folder there."""
    path = Path(location.removeprefix("file://"))
    return path.is_absolute() and path.parents[1].is_dir()


def _models_in(folder: Path | None) -> list[tuple[str, Path]]:
    """The folders of models among a run's artifacts; where it has none of MLflow's, all artifacts together."""
    if folder is None or not any(path.is_file() for path in folder.rglob("*")):
        return []
    found = [path.parent for path in sorted(folder.rglob(_MODEL)) if path.is_file()]
    return [(path.relative_to(folder).as_posix(), path) for path in found] or [("", folder)]


def _is_of(version: RegistryVersion, run: MlflowRun, mark: str, *, alone: bool) -> bool:
    return version.run_id == run.run_id and (alone or (bool(mark) and mark in version.source.split("/")))


def _notes(run: MlflowRun, versions: Sequence[RegistryVersion]) -> Iterator[str]:
    yield f"MLflow run {run.name} of experiment {run.experiment}, {run.status.lower()}"
    yield from (f"registered as {one.model} version {one.version}" for one in versions)
    told = [f"param {key} = {value}" for key, value in run.params.items()]
    told += [f"tag {key} = {value}" for key, value in run.tags.items() if not key.startswith("mlflow.") or key in _TOLD]
    yield from told[:_MOST_NOTES]
    if len(told) > _MOST_NOTES:
        yield f"and {len(told) - _MOST_NOTES} more"
