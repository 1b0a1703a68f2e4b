from __future__ import annotations

import time
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.operations.info import status
from cpv_hooks.transfer.objects.upload_queue import Queue
from support.repos import ModelRepo
from support.shell import Shell


@pytest.fixture
def model(make_repo: MakeRepo) -> ModelRepo:
    return make_repo(files={"model.bin": "one", "data/a": "1", "data/b": "2"})


def read(model: ModelRepo) -> status.Status:
    return status.read_status(Repo.discover(model.path))


def artifact(model: ModelRepo, path: str) -> status.ArtifactStatus:
    return next(item for item in read(model).artifacts if item.path == path)


def test_all_as_committed(model: ModelRepo, tmp_path: Path) -> None:
    found = read(model)
    assert [(item.path, item.kind, item.state, item.size, item.nfiles) for item in found.artifacts] == [
        ("data", "data", "clean", 2, 2),
        ("model.bin", "model", "clean", 3, None),
    ]
    assert found.artifacts[1].oid == found.artifacts[1].committed_oid == model.md5("model.bin")
    assert dict(found.tags) == {"model": "v0.0", "data": "data-v0.0"}
    assert found.queued == []
    assert found.remotes == [status.RemoteStatus(".", "storage", str(tmp_path / "storage"), "commit")]


def test_before_and_after_git_looks(model: ModelRepo) -> None:
    model.write("model.bin", "three!")
    model.write("data/a", "11")
    model.write("data/c", "3")
    (model.path / "data/b").unlink()
    for state in ("changed", "uncommitted"):
        assert (artifact(model, "model.bin").state, artifact(model, "model.bin").change) == (state, "+3 B")
        data = artifact(model, "data")
        assert (data.state, data.nfiles, data.change) == (state, 2, "1 added, 1 changed, 1 removed, +1 B")
        model.git("status")
    model.git("commit", "-qam", "second")
    assert {item.state for item in read(model).artifacts} == {"clean"}
    assert dict(read(model).tags) == {"model": "v0.1", "data": "data-v0.1"}


def test_looking_changes_nothing(model: ModelRepo) -> None:
    model.write("model.bin", "three!")
    before, objects = model.tree(), model.objects()
    read(model)
    assert (model.tree(), model.objects()) == (before, objects)


def test_new_and_absent_and_deleted_and_broken(model: ModelRepo) -> None:
    model.write("metrics.log", "loss=1\n")
    model.write("broken.dvc", "<<<<<<< ours\n")
    (model.path / "model.bin").unlink()
    (model.path / "data.dvc").unlink()
    states = {item.path: item.state for item in read(model).artifacts}
    assert states == {"metrics.log": "new", "broken.dvc": "broken", "model.bin": "absent", "data": "deleted"}
    assert "has merge conflict markers" in str(artifact(model, "broken.dvc").change)


def test_a_pointer_that_changed_without_its_artifact(model: ModelRepo) -> None:
    model.write("model.bin", "two")
    model.git("commit", "-qam", "second")
    former = model.git("show", "HEAD~:model.bin.dvc").out
    model.write("model.bin.dvc", former)
    assert artifact(model, "model.bin").state == "behind"
    model.write("model.bin", "other")
    assert artifact(model, "model.bin").state == "conflict"


def test_artifacts_that_cpv_never_looked_at(make_repo: MakeRepo) -> None:
    model = make_repo(install=False, files={"model.bin": "one"})
    assert artifact(model, "model.bin").state == "unchecked"


def test_before_the_first_commit(make_repo: MakeRepo) -> None:
    model = make_repo(install=False)
    model.git("checkout", "-q", "--orphan", "empty")
    model.write("model.bin", "one")
    assert artifact(model, "model.bin").state == "new"
    assert dict(read(model).tags) == {"model": None, "data": None}


def test_a_link_out_of_the_repository_is_broken(model: ModelRepo, tmp_path: Path) -> None:
    (model.path / "model.bin").unlink()
    (model.path / "model.bin").symlink_to("/etc/hostname")
    found = artifact(model, "model.bin")
    assert found.state == "broken"
    assert "a symbolic link out of the repository" in str(found.change)


def test_what_is_queued_and_a_remote_with_a_password(model: ModelRepo) -> None:
    Queue.of(Repo.discover(model.path)).add(".", [model.head()], "commit")
    model.dvc("remote", "modify", "storage", "url", "https://ada:hunter22@example.com/x")
    found = read(model)
    assert [(item.commit, item.why) for item in found.queued] == [(model.head(), "commit")]
    assert found.queued[0].since <= time.time()
    assert found.remotes[0].url == "https://ada:***@example.com/x"


def test_a_repository_that_cpv_does_not_manage(shell: Shell) -> None:
    shell.git("init", "-q")
    with pytest.raises(CPVError) as error:
        status.read_status(Repo.discover(shell.path))
    assert str(error.value) == (f"{shell.path}: CPV does not manage this repository (no .cpv.toml); fix: dvc cpv init")
