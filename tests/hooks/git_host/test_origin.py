"""`origin` by the configured pattern, in `dvc cpv init` too."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.accounts.git_host import origin
from cpv_hooks.accounts.personal import personal_settings
from cpv_hooks.errors import CPVError
from cpv_hooks.setup.init import init_plan
from cpv_hooks.setup.init.model_repository import InitRequest
from support.engine import git_repo
from support.repos import ModelRepo

URL = "git@bitbucket.org:AI-vision-model-checkpoints/resnet.git"


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    return make_repo("resnet", remote=None, install=False)


def planned(path: Path) -> list[str]:
    """The steps of `dvc cpv init` that are about Git's remotes."""
    place = init_plan.locate_place(path, None, path.parent)
    return [
        step.effect.text
        for step in init_plan.plan_init(place, InitRequest("vision", "resnet"))
        if "git remote" in step.effect.text
    ]


def test_without_a_configured_host_there_is_no_url() -> None:
    assert origin.configured_url("vision", "resnet") is None
    personal_settings.update({"team_name": "vision", "bitbucket.user": "ada"})
    assert origin.configured_url("vision", "resnet") is None


def test_the_configured_host_or_pattern_gives_the_url() -> None:
    personal_settings.update({"bitbucket.host": "bitbucket.org"})
    assert origin.configured_url("vision", "resnet") == URL
    personal_settings.update(
        {"bitbucket.host": None, "bitbucket.url_pattern": "git@h.example:{team_name}/{model_name}"}
    )
    assert origin.configured_url("vision", "resnet") == "git@h.example:vision/resnet"


def test_init_adds_it_once(repo: ModelRepo) -> None:
    assert planned(repo.path) == []
    personal_settings.update({"bitbucket.host": "bitbucket.org"})
    assert planned(repo.path) == [f"git remote add origin {URL}"]
    assert planned(repo.path.parent / "new") == [f"git remote add origin {URL}"]
    place = init_plan.locate_place(repo.path, None, repo.path)
    for step in init_plan.plan_init(place, InitRequest("vision", "resnet")):
        if "git remote" in step.effect.text:
            step.do()
    assert repo.git("remote", "get-url", "origin").lines == [URL]
    assert not origin.is_missing(git_repo(repo))
    assert planned(repo.path) == []


def test_an_origin_that_is_there_and_that_of_a_larger_repository_stay(repo: ModelRepo) -> None:
    personal_settings.update({"bitbucket.host": "bitbucket.org"})
    assert planned(repo.path / "models/resnet") == []
    repo.git("remote", "add", "origin", "git@elsewhere.example:a/b.git")
    assert planned(repo.path) == []


def test_a_pattern_that_gives_no_url_stops_init_before_anything_is_done(repo: ModelRepo) -> None:
    personal_settings.update({"bitbucket.url_pattern": "git@h:{model_name}"})
    with pytest.raises(CPVError, match=r"has no \{team_name\}, so several models would share a repository"):
        planned(repo.path)
