"""Git's own commands on the hidden refs of runs; then the run is let go of, and what somebody still needs is not."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from conftest import MakeRepo

from support.job import Job
from support.repos import SETTINGS, ModelRepo, object_names

STEP = "refs/cpv/runs/main/"


@pytest.fixture
def repo(make_repo: MakeRepo, tmp_path: Path) -> ModelRepo:
    """The finished run `main` of four steps, all of them on the remote, which is this model's own."""
    files = {"model.bin": "first", "metrics.log": '{"loss": 9}\n'}
    settings = SETTINGS + '[runs]\nfree = "at once"\n'
    repo = make_repo(remote=tmp_path / "vision/resnet", settings=settings, files=files)
    job = Job(repo.path, 4, every=1)
    assert job.end() == 0, job.errors
    return repo


def test_content_of_steps_that_no_commit_has(repo: ModelRepo, tmp_path: Path) -> None:
    """Step 0 in another work tree, 1 in the stash, 2 in the index alone, 3 nowhere."""
    pointers = [repo.git("show", f"{STEP}{step}:model.bin.dvc").out for step in range(4)]
    oids = [text.partition("md5: ")[2].split()[0] for text in pointers]
    repo.git("worktree", "add", "-q", "--detach", tmp_path / "side")
    side = ModelRepo(tmp_path / "side")
    side.git("checkout", "-q", f"{STEP}0", "--", "model.bin.dvc")
    repo.git("checkout", "-q", f"{STEP}1", "--", "model.bin.dvc")
    assert repo.md5("model.bin") == oids[1]
    repo.git("stash", "-q")
    blob = repo.git("rev-parse", f"{STEP}2:model.bin.dvc").out.strip()
    repo.git("update-index", "--cacheinfo", f"100644,{blob},model.bin.dvc")
    repo.cpv("runs", "drop", "main")
    for store in (repo.path / ".dvc/cache/files/md5", tmp_path / "vision/resnet/files/md5"):
        assert [oid in object_names(store) for oid in oids] == [True, True, True, False]
    repo.git("reset", "-q", "--hard")
    repo.git("stash", "pop", "-q")
    assert (repo.md5("model.bin"), side.md5("model.bin")) == (oids[1], oids[0])
    assert [one for one in repo.cpv("rescue", "list").lines if hashlib.md5(b"first").hexdigest() in one] == []


def test_work_goes_on_from_a_step_that_is_dropped(repo: ModelRepo) -> None:
    repo.git("checkout", "-q", f"{STEP}3")
    assert repo.changes() == []
    here = repo.read("model.bin")
    repo.cpv("runs", "drop", "main")
    repo.git("checkout", "-q", "main")
    assert repo.read("model.bin") == b"first"
    repo.git("checkout", "-q", "-")
    assert repo.read("model.bin") == here
    repo.write("model.bin", "more")
    repo.git("commit", "-qam", "on a step")
    assert repo.tags() == ["v0.0", "v0.1"]
    repo.git("checkout", "-q", "main")
    repo.git("merge", "-q", "-")
    assert repo.read("model.bin") == b"more"
    assert "nothing wrong" in repo.cpv("verify", "--all").text
