"""Versions that lie on S3, and a process that is killed while it brings one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.errors import CPVError
from cpv_hooks.operations.download.download import plan_download_data, plan_download_model, plan_load
from cpv_hooks.operations.info.metadata import combined_metadata
from cpv_hooks.project.project import Project
from cpv_hooks.state_files import cpv_home
from support import engine, stand_in
from support.repos import SETTINGS, ModelRepo
from support.seaweed import Server
from support.stored import contents

FILES: dict[str, str | bytes] = {
    "model.bin": b"weights" * 3_000_000,
    "metrics.log": '{"loss": 0.5}\n',
    **{f"data/{number:04}": f"sample {number}" for number in range(300)},
}


@pytest.fixture
def bucket(s3_server: Server) -> str:
    return s3_server.make_bucket()


@pytest.fixture
def repo(make_repo: MakeRepo, s3_server: Server, bucket: str) -> ModelRepo:
    return make_repo(remote=f"s3://{bucket}/vision/resnet", server=s3_server, files=FILES)


def project(repo: ModelRepo) -> Project:
    return Project.find_all(engine.git_repo(repo))[0]


def of(prefix: str) -> dict[str, bytes]:
    chosen = {name: text for name, text in FILES.items() if name.startswith(prefix)}
    return {name: text.encode() if isinstance(text, str) else text for name, text in chosen.items()}


def test_there_and_back(repo: ModelRepo, s3_server: Server, bucket: str, tmp_path: Path) -> None:
    shutil.rmtree(repo.path / ".dvc/cache")
    keys = s3_server.keys(bucket)
    plan = plan_load(project(repo), None)
    gets = {str(effect).removeprefix("s3: get ") for effect in plan.effects if effect.tool == "s3"}
    sizes = {f"s3://{bucket}/{key}": size for key, size in keys.items()}
    assert sorted(sizes[url] for url in gets) == [14, 21_000_000]
    assert contents(plan.run().folder) == of("m")
    assert repo.objects() == {url[-33:].replace("/", "") for url in gets}
    data = plan_download_data(project(repo), None, tmp_path / "out")
    url = f"s3://{bucket}/vision/resnet/files/md5 at {s3_server.endpoint_url}"
    assert str(data.effects[0]) == f"s3: get 301 objects (2.9 kB) from {url}"
    assert data.run() == tmp_path / "out/data"
    assert contents(tmp_path / "out") == of("data")
    assert s3_server.keys(bucket) == keys, "nothing there has changed"
    found = combined_metadata(project(repo))
    assert found["model"] and found["data"]
    assert (found["model"]["on_remote"], found["data"]["on_remote"]) == (True, True)


def test_a_bucket_that_lost_something_and_one_that_lets_nobody_in(
    repo: ModelRepo, s3_server: Server, bucket: str
) -> None:
    oid = engine.pointer(repo, "data").oid or ""
    shutil.rmtree(repo.path / ".dvc/cache")
    s3_server.client().delete_object(Bucket=bucket, Key=f"vision/resnet/files/md5/{oid[:2]}/{oid[2:]}")
    with pytest.raises(CPVError, match=r"neither the cache nor the remote has data of data-v0\.0"):
        plan_download_data(project(repo), None)
    found = combined_metadata(project(repo))
    assert found["model"] and found["data"]
    assert (found["model"]["on_remote"], found["data"]["on_remote"]) == (True, False)
    assert not repo.objects()
    repo.dvc("remote", "modify", "--local", "storage", "secret_access_key", "wrong")
    with pytest.raises(CPVError, match="the secret access key is wrong"):
        plan_load(project(repo), None)
    assert combined_metadata(project(repo))["size"] > 0


def test_files_that_lie_by_version(
    make_repo: MakeRepo, s3_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    bucket = s3_server.make_versioned_bucket()
    settings = SETTINGS + '[remote]\nlayout = "versioned"\n'
    repo = make_repo(remote=f"s3://{bucket}/x", server=s3_server, settings=settings, install=False)
    repo.write(".dvc/config", repo.read(".dvc/config").decode() + "    version_aware = true\n")
    stand_in.install(repo.path)
    files = {"model.bin": "one", "data/a": "1", "data/sub/b": "2"}
    for name, text in files.items():
        repo.write(name, text)
    repo.commit("first", "-a")
    for name in files:
        repo.write(name, "another")
    repo.commit("second", "-a")
    shutil.rmtree(repo.path / ".dvc/cache")
    plan = plan_download_data(project(repo), "data-v0.0", tmp_path / "out")
    gets = [str(effect) for effect in plan.effects if effect.tool == "s3"]
    assert [get.partition("?versionId=")[0] for get in sorted(gets)] == [
        f"s3: get s3://{bucket}/x/data/a",
        f"s3: get s3://{bucket}/x/data/sub/b",
    ]
    plan.run()
    assert contents(tmp_path / "out") == {"data/a": b"1", "data/sub/b": b"2"}
    assert contents(plan_load(project(repo), "v0.0").run().folder) == {"model.bin": b"one"}
    found = combined_metadata(project(repo), "v0.0")
    assert found["model"] and found["data"]
    assert (found["model"]["on_remote"], found["data"]["on_remote"]) == (True, True)
    key, _, version = gets[0].removeprefix(f"s3: get s3://{bucket}/").partition("?versionId=")
    s3_server.client().delete_object(Bucket=bucket, Key=key, VersionId=version)
    assert combined_metadata(project(repo), "v0.0")["data"]["on_remote"] is False  # type: ignore[index]


KILLED = """
from pathlib import Path; from cpv_hooks.git.repo import Repo; from cpv_hooks.project.project import Project
from cpv_hooks.operations.download.download import plan_download_model, plan_load
project = Project.find_all(Repo.discover(Path('.')))[0]
plan = {plan}
print("go", flush=True)
plan.run()
"""


def test_a_kill_leaves_nothing_under_a_final_name(repo: ModelRepo, tmp_path: Path) -> None:
    loaded, out = cpv_home() / "artifacts/vision/resnet" / repo.head(), tmp_path / "out"
    ways = {loaded: "plan_load(project, None)", out: "plan_download_model(project, None, Path('../out'))"}
    for final, plan in ways.items():
        shutil.rmtree(repo.path / ".dvc/cache")
        for wait in (0.05, 0.15):
            _kill(repo, KILLED.format(plan=plan), wait)
            assert not final.exists() or contents(final) == of("m")
            objects = [path for path in (repo.path / ".dvc/cache/files").rglob("*") if path.is_file()]
            assert {path.stat().st_size for path in objects} <= {14, 21_000_000}
    plan_load(project(repo), None).run()
    plan_download_model(project(repo), None, out).run()
    for final in ways:
        assert contents(final) == of("m")
        assert [path.name for path in final.parent.iterdir() if path.name.endswith(".cpv-tmp")] == []


def _kill(repo: ModelRepo, code: str, wait: float) -> None:
    """Run code that says when it begins, and kill it so many seconds later."""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=repo.path, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"go\n"
    time.sleep(wait)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
