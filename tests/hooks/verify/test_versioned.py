"""The same on a remote that keeps versions under readable names."""

from __future__ import annotations

import os

import pytest
from conftest import MakeRepo

from cpv_hooks.console.progress import Progress
from cpv_hooks.errors import CPVError
from cpv_hooks.upkeep.prune import sweep
from cpv_hooks.upkeep.prune.prune_plan import PruneOptions
from cpv_hooks.upkeep.verify import needs
from cpv_hooks.upkeep.verify.checked import VerifyReport
from cpv_hooks.upkeep.verify.repair import mend
from cpv_hooks.upkeep.verify.verify import verify
from support import stand_in
from support.repos import SETTINGS, ModelRepo
from support.seaweed import Server
from support.two_versions import md5, project_of

LAYOUT = '[remote]\nlayout = "versioned"\n'


@pytest.fixture
def bucket(s3_server: Server) -> str:
    return s3_server.make_versioned_bucket()


@pytest.fixture
def repo(make_repo: MakeRepo, bucket: str, s3_server: Server) -> ModelRepo:
    """Two versions, uploaded by the hooks."""
    url = f"s3://{bucket}/vision/resnet"
    repo = make_repo(remote=url, server=s3_server, settings=SETTINGS + LAYOUT, install=False)
    repo.write(".dvc/config", repo.read(".dvc/config").decode() + "    version_aware = true\n")
    repo.git("commit", "-qam", "readable names")
    stand_in.install(repo.path)
    for model, inner in ((b"one", b"1"), (b"number two", b"2")):
        repo.write("model.bin", model)
        repo.write("data/a", inner)
        repo.git("commit", "-qm", "work")
    assert repo.tags() == ["data-v0.0", "data-v0.1", "v0.0", "v0.1"]
    return repo


def look(repo: ModelRepo, *, repair: bool = False, deep: bool = False) -> VerifyReport:
    project = project_of(repo)
    commits = needs.every_ref(project.repo)
    return (mend if repair else verify)(project, commits, Progress("testing"), deep=deep)


def test_verify_and_repair(repo: ModelRepo, bucket: str, s3_server: Server) -> None:
    assert (look(repo, deep=True).sound, look(repo, deep=True).trouble) == (True, [])
    client = s3_server.client()
    listed = client.list_object_versions(Bucket=bucket, Prefix="vision/resnet/model.bin")["Versions"]
    first = next(item for item in listed if item["Size"] == 3)
    client.delete_object(Bucket=bucket, Key=first["Key"], VersionId=first["VersionId"])
    report = look(repo)
    assert [(item.need.path, item.cache, item.remote) for item in report.wrong] == [("model.bin", "ok", "missing")]
    assert look(repo, repair=True).sound
    assert look(repo, deep=True).sound


def test_prune(repo: ModelRepo) -> None:
    project = project_of(repo)
    for path in (repo.path / ".dvc/cache").rglob("*"):
        if path.is_file():
            os.utime(path, (0, 0))
    assert sweep.plan_prune(project.repo, [project], PruneOptions()).empty
    found = sweep.plan_prune(project.repo, [project], PruneOptions(keep=1))
    assert {md5(b"one"), md5(b"1")} <= {item.oid for item in found.objects}
    assert not {md5(b"number two"), md5(b"2")} & {item.oid for item in found.objects}
    sweep.sweep(project.repo, found)
    repo.git("checkout", "-q", "v0.0")
    assert (repo.read("model.bin"), repo.read("data/a"), repo.changes()) == (b"one", b"1", [])
    with pytest.raises(CPVError, match="this kind of remote cannot be pruned; fix: dvc cpv prune, without --remote"):
        sweep.plan_prune(project.repo, [project], PruneOptions(remote=True))
