"""What each version added, where folders share files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.git.repo import Repo
from cpv_hooks.history.reader import read_history
from cpv_hooks.html_report.growth import Growth, StorageGrowth
from cpv_hooks.project.project import Project
from support.repos import ModelRepo


@pytest.fixture
def model(make_repo: MakeRepo) -> ModelRepo:
    """data-v0.0: a, b; data-v0.1: a, b, c; data-v0.2: c alone, with a file that equals b of the first."""
    model = make_repo(install=False)
    stories = ({"a": "1" * 10, "b": "2" * 20}, {"c": "3" * 30}, {"d": "2" * 20})
    for day, files in enumerate(stories):
        for name, content in files.items():
            model.write(f"data/{name}", content)
        if day == 2:
            (model.path / "data/a").unlink()
        model.dvc("add", "-q", "data")
        model.git("add", "-A")
        moment = f"2026-01-0{day + 1}T12:00:00+0000"
        model.git("commit", "-qm", "data", env={"GIT_COMMITTER_DATE": moment, "GIT_AUTHOR_DATE": moment})
        model.git("tag", f"data-v0.{day}")
    return model


def growth(model: ModelRepo) -> list[Growth]:
    repo = Repo.discover(model.path)
    projects = Project.find_all(repo)
    return list(StorageGrowth(projects).of(read_history(repo, projects)).values())


def test_a_file_counts_where_it_came_first(model: ModelRepo) -> None:
    assert growth(model) == [Growth(30, True), Growth(30, True), Growth(0, True)]


def test_a_folder_that_the_cache_does_not_know_counts_as_a_whole(model: ModelRepo) -> None:
    shutil.rmtree(model.path / ".dvc/cache")
    assert growth(model) == [Growth(30, False), Growth(60, False), Growth(70, False)]


def test_a_folder_of_which_files_are_gone_counts_as_a_whole(model: ModelRepo) -> None:
    for path in Path(model.path / ".dvc/cache/files/md5").glob("??/*"):
        if path.stat().st_size == 30 and not path.name.endswith(".dir"):
            path.chmod(0o644)
            path.unlink()
    assert growth(model) == [Growth(30, True), Growth(60, False), Growth(0, True)]


def test_too_long_lists_are_not_read(model: ModelRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cpv_hooks.html_report.growth._MOST_BYTES", 250)
    assert [one.exact for one in growth(model)] == [True, False, False]
