"""Versions that are reserved on the Git host by pushing their tags."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.errors import CPVError
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.versions import reserve
from support.engine import git_repo
from support.repos import ModelRepo
from support.shell import Shell


@pytest.fixture
def host(shell: Shell) -> Shell:
    shell.git("init", "-q", "--bare", "host.git")
    return Shell(shell.path / "host.git")


@pytest.fixture
def model(make_repo: MakeRepo, host: Shell) -> ModelRepo:
    model = make_repo(files={"model.bin": "one", "data/a": "1"})
    model.git("remote", "add", "origin", host.path)
    model.git("push", "-q", "origin", "main")
    return model


def colleague(model: ModelRepo, host: Shell, name: str) -> ModelRepo:
    """Another clone, with hooks and artifacts."""
    Shell(model.path.parent).git("clone", "-q", host.path, name)
    clone = ModelRepo(model.path.parent / name)
    clone.cpv("install", "-q")
    return clone


def take(model: ModelRepo, version: str | None = None, lines: tuple[Line, ...] = (Line.MODEL,)) -> list[str]:
    repo = git_repo(model)
    return reserve.reserve_version(repo, Project.find_all(repo)[0], version, None, lines, "origin")


def test_the_next_number_is_on_the_host_at_once(model: ModelRepo, host: Shell) -> None:
    assert model.cpv("tag", "--push").out == "v0.1\n"
    assert "v0.1" in host.git("tag").lines
    assert model.cpv("tag", "v2.0", "--both", "--push", "origin").out == "v2.0\ndata-v2.0\n"
    assert {"v2.0", "data-v2.0"} <= set(host.git("tag").lines)


def test_who_comes_second_takes_the_next(model: ModelRepo, host: Shell) -> None:
    clone = colleague(model, host, "second")
    assert take(model) == ["v0.1"]
    assert take(clone) == ["v0.2"]
    assert take(model, lines=(Line.MODEL, Line.DATA)) == ["v0.3", "data-v0.1"]
    assert take(clone, lines=(Line.MODEL, Line.DATA)) == ["v0.4", "data-v0.2"]


def test_a_version_that_is_taken_there_is_refused(model: ModelRepo, host: Shell) -> None:
    clone = colleague(model, host, "second")
    assert take(model, "v1.0") == ["v1.0"]
    with pytest.raises(CPVError, match=r"the tag v1\.0 exists already; fix: git tag v1\.1"):
        take(clone, "v1.0")


def test_one_version_is_given_once(model: ModelRepo, host: Shell) -> None:
    clone = colleague(model, host, "second")

    def ask(who: ModelRepo) -> str:
        try:
            return take(who, "v1.0")[0]
        except CPVError as error:
            return error.what

    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(ask, [model, clone]))
    assert said.count("v1.0") == 1
    assert {"the tag v1.0 exists already", "the tag v1.0 exists on origin already"} & set(said)
    assert host.git("tag", "-l", "v1.0").out == "v1.0\n"


def test_no_tag_is_left_where_the_push_fails(model: ModelRepo, host: Shell) -> None:
    before = model.tags()
    hook = host.write("hooks/pre-receive", "#!/bin/sh\necho 'the host is closed' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(CPVError, match=r"origin did not take v0\.1: remote: the host is closed"):
        take(model)
    assert model.tags() == before
    with pytest.raises(CPVError, match="there is no Git remote 'upstream'"):
        repo = git_repo(model)
        reserve.reserve_version(repo, Project.find_all(repo)[0], None, None, [Line.MODEL], "upstream")


def test_no_tag_leaves_before_its_data(model: ModelRepo, host: Shell, tmp_path: Path) -> None:
    Shell(tmp_path).run("rm", "-rf", "storage")
    model.write("model.bin", "two")
    (tmp_path / "storage").write_text("a file stands here")
    model.git("commit", "-q", "-m", "two")
    before = model.tags()
    with pytest.raises(CPVError, match=r"origin did not take v0\.2: "):
        take(model)
    assert model.tags() == before
    assert host.git("tag").lines == ["data-v0.0", "v0.0"]


def test_four_clones_at_once_get_four_numbers(model: ModelRepo, host: Shell) -> None:
    clones = [model, *(colleague(model, host, f"clone-{number}") for number in range(3))]
    with ThreadPoolExecutor(4) as pool:
        found = [name for names in pool.map(take, clones) for name in names]
    assert sorted(found) == ["v0.1", "v0.2", "v0.3", "v0.4"]
    assert host.git("fsck", "--full", "--strict").status == 0
