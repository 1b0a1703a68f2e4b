"""Loading a version into a folder of links, and downloading it as copies of one's own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.config import cpv_home
from cpv_hooks.operations.download import plan_download_data, plan_download_model, plan_load
from cpv_hooks.project import Project
from support import engine
from support.repos import ModelRepo

FILES: dict[str, str | bytes] = {
    "model.bin": b"weights" * 1000,
    "metrics.log": '{"loss": 0.5}\n',
    "tokenizer/vocab": "a b c",
    "tokenizer/deep/merges": "ab",
    "data/a": "1",
    "data/sub/b": "2",
}
MODEL_LINE = {name for name in FILES if not name.startswith("data/")}


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    """v0.0 and data-v0.0, on the remote and in the cache."""
    return make_repo(files=FILES)


def project(repo: ModelRepo) -> Project:
    return Project.find_all(engine.git_repo(repo))[0]


def forget_cache(repo: ModelRepo) -> None:
    shutil.rmtree(repo.path / ".dvc/cache")


def contents(folder: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items()}


def expected(*prefixes: str) -> dict[str, bytes]:
    chosen = {name: text for name, text in FILES.items() if name.startswith(prefixes)}
    return {name: text.encode() if isinstance(text, str) else text for name, text in chosen.items()}


MODEL = expected("model", "metrics", "tokenizer")
DATA = expected("data")


@pytest.mark.parametrize("cached", [True, False])
def test_load(repo: ModelRepo, cached: bool) -> None:
    if not cached:
        forget_cache(repo)
    before = (repo.tree(), repo.changes(), repo.head())
    plan = plan_load(project(repo), None)
    assert not (cpv_home() / "artifacts").exists(), "a plan changes nothing"
    found = plan.run()
    assert found.tag == "v0.0"
    assert found.commit == repo.head()
    assert found.folder == cpv_home() / "artifacts/vision/resnet" / repo.head()
    assert contents(found.folder) == MODEL
    assert found.model == found.folder / "model.bin"
    assert dict(found.files) == {name: found.folder / name for name in ("metrics.log", "model.bin", "tokenizer")}
    assert found.metrics == {"loss": 0.5}
    assert (repo.tree(), repo.changes(), repo.head()) == before
    again = plan_load(project(repo), "0.0")
    assert again.effects == ()
    assert again.run() == found == plan.expected


def test_download(repo: ModelRepo, tmp_path: Path) -> None:
    forget_cache(repo)
    plan = plan_download_model(project(repo), None, working_dir=tmp_path)
    assert not (tmp_path / "resnet-v0.0").exists()
    found = plan.run()
    assert found == plan.expected
    assert found.folder == tmp_path / "resnet-v0.0"
    assert contents(found.folder) == MODEL
    data = plan_download_data(project(repo), None, tmp_path / "d").run()
    assert data == tmp_path / "d/data"
    assert contents(tmp_path / "d") == DATA
