"""A training run with its data on S3, in both layouts."""

from __future__ import annotations

import json

import pytest
import yaml
from conftest import MakeRepo

from support import stand_in
from support.job import Job
from support.repos import SETTINGS, ModelRepo
from support.seaweed import Server


@pytest.fixture(autouse=True)
def _keys(s3_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)


def test_a_run_of_many_steps_keeps_few_of_them_on_s3(make_repo: MakeRepo, s3_server: Server) -> None:
    bucket = s3_server.make_bucket()
    settings = SETTINGS + '[runs]\nfree = "at once"\n'
    repo = make_repo(
        remote=f"s3://{bucket}/vision/resnet", server=s3_server, settings=settings, files={"model.bin": "first"}
    )
    before = set(s3_server.keys(bucket, ""))
    job, most = Job(repo.path, 7, every=1, keep_last=2, keep_best=1, metric="loss", mode="max"), 0
    while job.process.poll() is None:
        most = max(most, len(set(s3_server.keys(bucket, "")) - before))
    assert job.end() == 0, job.errors
    assert most <= 4, "those that are kept, and the one that is on its way"
    refs = repo.git("for-each-ref", "--format=%(refname:lstrip=4)", "refs/cpv/runs/main").lines
    assert sorted(refs) == ["0", "5", "6", "finished"]
    assert len(set(s3_server.keys(bucket, "")) - before) == 3
    assert repo.cpv("verify", "--all").status == 0
    # Another machine has the same key, and nothing in its cache.
    repo.run("rm", "-rf", ".dvc/cache/files")
    again = Job(repo.path, 7, name="main")
    assert again.end() == 0
    assert again.lines[0] == "start 6 main"


def test_on_a_bucket_with_versions_a_step_says_which_one_it_is(make_repo: MakeRepo, s3_server: Server) -> None:
    bucket = s3_server.make_versioned_bucket()
    settings = SETTINGS + '[remote]\nlayout = "versioned"\n'
    repo = make_repo(remote=f"s3://{bucket}/vision/resnet", server=s3_server, settings=settings, install=False)
    repo.write(".dvc/config", repo.read(".dvc/config").decode() + "    version_aware = true\n")
    repo.git("commit", "-qam", "readable names")
    stand_in.install(repo.path)
    repo.write("model.bin", "first")
    repo.commit("first")
    job = Job(repo.path, 3, every=1)
    assert job.end() == 0, job.errors
    versions = set()
    for step in range(3):
        out = yaml.safe_load(repo.git("show", f"refs/cpv/runs/main/{step}:model.bin.dvc").out)["outs"][0]
        versions.add(out["cloud"]["storage"]["version_id"])
    assert len(versions) == 3
    repo.run("rm", "-rf", ".dvc/cache/files")
    again = Job(repo.path, 3, name="main")
    assert again.end() == 0, again.errors
    assert again.lines[0] == "start 2 main"
    assert json.loads(repo.cpv("sync", "--status", "--json").out)["waiting"] == []


def test_what_another_clone_counts_on_is_there_when_its_push_is_through(make_repo: MakeRepo, s3_server: Server) -> None:
    bucket = s3_server.make_bucket()
    settings = SETTINGS + '[runs]\nfree = "at once"\n'
    repo = make_repo(
        remote=f"s3://{bucket}/vision/resnet", server=s3_server, settings=settings, files={"model.bin": "first"}
    )
    repo.git("init", "-q", "--bare", "../host")
    repo.git("remote", "add", "origin", "../host")
    repo.git("push", "-q", "origin", "HEAD", "--tags")
    repo.git("clone", "-q", "../host", "../other")
    other = ModelRepo(repo.path.parent / "other")
    other.cpv("install")
    assert Job(repo.path, 1, every=1, keep_last=1).end() == 0
    same = repo.git("show", "refs/cpv/runs/main/0:model.bin.dvc").out
    oid = yaml.safe_load(same)["outs"][0]["md5"]
    key = f"vision/resnet/files/md5/{oid[:2]}/{oid[2:]}"
    other.write("model.bin", (repo.path / ".dvc/cache/files/md5" / oid[:2] / oid[2:]).read_bytes())
    other.commit("the same content")
    assert Job(repo.path, 2, every=1, keep_last=1, name="main").end() == 0
    assert key not in s3_server.keys(bucket, "")
    other.git("push", "-q")
    assert key in s3_server.keys(bucket, "")


def test_by_default_the_remote_keeps_what_a_run_lets_go_of(make_repo: MakeRepo, s3_server: Server) -> None:
    bucket = s3_server.make_bucket()
    repo = make_repo(remote=f"s3://{bucket}/vision/resnet", server=s3_server, files={"model.bin": "first"})
    before = set(s3_server.keys(bucket, ""))
    assert Job(repo.path, 4, every=1, keep_last=1).end() == 0
    assert len(repo.git("for-each-ref", "refs/cpv/runs/main").lines) == 2
    assert len(set(s3_server.keys(bucket, "")) - before) == 4
