"""`migrate mlflow`: runs of a file store and of a database become versions; nothing is written there."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from conftest import MakeRepo

from support import inside
from support.moved import SETTINGS, check_mlflow
from support.repos import ModelRepo
from support.stored import contents
from support.unchanged import nothing_changes

STORES = Path(__file__).parents[2] / "mlflow"
"""What MLflow itself wrote: `tests/support/write_mlflow.py`."""


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    return make_repo(settings=SETTINGS)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((STORES / "mlflow.sql").read_text())
    return path


@pytest.mark.compatibility("Import and export", "from MLflow, `mlruns`")
def test_a_file_store(repo: ModelRepo) -> None:
    before = contents(STORES)
    check_mlflow(repo, STORES / "mlruns")
    assert contents(STORES) == before


@pytest.mark.compatibility("Import and export", "from MLflow, SQLite")
def test_a_database(repo: ModelRepo, database: Path) -> None:
    database.chmod(0o444)
    before = database.read_bytes()
    check_mlflow(repo, "sqlite:///../mlflow.db", "--artifacts", STORES / "artifacts")
    assert database.read_bytes() == before


def test_what_cannot_be_read_is_one_line(repo: ModelRepo, database: Path, tmp_path: Path) -> None:
    def refused(*args: str | Path) -> str:
        with nothing_changes(repo.path):
            done = inside.cpv(repo.path, "migrate", "mlflow", *args)
        assert done.status == 1, done.text
        assert done.err.startswith("cpv: "), done.err
        assert len(done.err.splitlines()) == 1
        return done.err

    assert "does not exist; fix: name mlruns, or mlflow.db" in refused("nowhere")
    assert "is an MLflow server; fix: name its database file" in refused("http://localhost:5000")
    assert "has no MLflow experiment" in refused(repo.path / ".dvc")
    assert "is not an MLflow database (file is not a database)" in refused(repo.path / ".cpv.toml")
    sqlite3.connect(tmp_path / "other.db").close()
    assert "is not an MLflow database (no such table: runs)" in refused(tmp_path / "other.db")
    said = refused(database)
    assert "file:///srv/mlflow/artifacts/" in said
    assert "the artifacts of run try-0 are not on this machine; fix: copy them here, then name" in said
    said = refused(STORES / "mlruns", "--experiment", "bert")
    assert "no run of experiment 'bert' (those with runs: resnet)" in said
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE runs SET experiment_id = 0 WHERE name = 'try-1'")
    said = refused(database, "--artifacts", STORES / "artifacts")
    assert "2 experiments have models: resnet, Default; fix: name one: --experiment resnet" in said
