"""Remotes that only DVC speaks to: a real HTTP server, and S3 by way of DVC's own file system."""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cpv_hooks.console.progress import Progress
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.pointers_at import pointers_at
from cpv_hooks.project.project import Project
from cpv_hooks.remote.common.dvc_remote import DVCRemote, stored_md5
from cpv_hooks.remote.common.protocol import Blob, CorruptObject, MissingObject, RemoteError
from cpv_hooks.transfer.commits.upload_commits import ensure_uploaded, publish
from cpv_hooks.transfer.objects.fetch_objects import fetch
from cpv_hooks.transfer.objects.open import open_remote
from support.http_store import Files
from support.repos import ModelRepo
from support.seaweed import Server

PROGRESS = Progress("testing")
FILES = {"model.bin": b"weights", "data/a": "a", "data/sub/b": "b"}


@pytest.fixture
def server() -> Iterator[Files]:
    with Files.serving() as server:
        yield server


@pytest.fixture
def repo(make_repo: Any, server: Files) -> ModelRepo:
    made: ModelRepo = make_repo(install=False, remote=server.url, files=FILES)
    return made


def project_of(repo: ModelRepo) -> Project:
    return Project.open(Repo.discover(repo.path), repo.path)


def everything(repo: ModelRepo) -> list[str]:
    return [item.oid for item in pointers_at(project_of(repo), "HEAD") if item.oid]


@pytest.mark.compatibility("Remotes", "HTTP, and whatever else DVC has a plugin for")
def test_a_commit_goes_there_and_comes_back(repo: ModelRepo, server: Files, capfd: pytest.CaptureFixture[str]) -> None:
    project = project_of(repo)
    assert isinstance(open_remote(project), DVCRemote)
    open_remote(project).check()
    assert publish(project, ["HEAD"], Progress("uploading")).uploaded == 4
    assert server.oids() == repo.objects()
    oid = everything(repo)[0]
    assert open_remote(project).address(oid) == f"{server.url}/files/md5/{oid[:2]}/{oid[2:]}"
    assert open_remote(project, legacy=True).address(oid) == f"{server.url}/{oid[:2]}/{oid[2:]}"
    assert ensure_uploaded(project, ["HEAD"]) == []
    before = repo.objects()
    shutil.rmtree(repo.path / ".dvc/cache")
    assert fetch(project, everything(repo), Progress("fetching")) == set()
    assert repo.objects() == before
    assert capfd.readouterr().err == ""  # none of DVC's bars and logs


@pytest.mark.compatibility("Remotes", "HTTP, and whatever else DVC has a plugin for")
def test_dvc_reads_what_was_uploaded(repo: ModelRepo) -> None:
    publish(project_of(repo), ["HEAD"], PROGRESS)
    shutil.rmtree(repo.path / ".dvc/cache")
    repo.dvc("config", "remote.storage.verify", "true")
    repo.dvc("pull", "-q", "-f")
    assert repo.read("data/sub/b") == b"b"


def test_a_missing_and_a_corrupt_object(repo: ModelRepo, server: Files, tmp_path: Path) -> None:
    remote = open_remote(project_of(repo))
    oid = hashlib.md5(b"good").hexdigest()
    with pytest.raises(MissingObject, match=f"object {oid} is not on the remote"):
        remote.download(oid, tmp_path / "out", PROGRESS)
    server.put(oid, b"evil")
    with pytest.raises(CorruptObject, match=f"object {oid} is corrupt"):
        remote.download(oid, tmp_path / "out", PROGRESS)
    assert not (tmp_path / "out").exists()
    assert remote.missing([oid], {oid: 4}) == set()
    assert remote.missing([oid], {oid: 5}) == {oid}


def test_what_arrives_otherwise_is_noticed(repo: ModelRepo, server: Files, tmp_path: Path) -> None:
    server.spoil = True
    path = tmp_path / "file"
    path.write_bytes(b"content")
    done: list[Blob] = []
    with pytest.raises(CorruptObject):
        oid = hashlib.md5(b"content").hexdigest()
        open_remote(project_of(repo)).upload([Blob(oid, path, 7)], PROGRESS, done.append)
    assert done == []


def test_nobody_answers(make_repo: Any, server: Files) -> None:
    server.shutdown()
    server.server_close()
    repo = make_repo(install=False, remote=server.url, files=FILES)
    with pytest.raises(RemoteError) as caught:
        publish(project_of(repo), ["HEAD"], PROGRESS)
    assert str(caught.value).startswith(f"{server.url}: ClientConnectorError: Cannot connect to host")
    assert str(caught.value).endswith("; fix: dvc push -r storage -v says more, then dvc cpv sync")


@pytest.mark.compatibility(
    "Remotes", "a kind of remote whose plugin is not installed", unsupported="the command names the package to install"
)
def test_a_kind_of_remote_that_is_not_installed(make_repo: Any) -> None:
    repo = make_repo(install=False, remote="gs://bucket/x", files=FILES)
    with pytest.raises(RemoteError) as caught:
        publish(project_of(repo), ["HEAD"], PROGRESS)
    assert str(caught.value) == (
        "gs://bucket/x: gs is supported, but requires 'dvc-gs' to be installed; fix: pip install 'dvc[gs]'"
    )


def test_dvc_logs_again_afterwards(repo: ModelRepo) -> None:
    before = {name: logging.getLogger(name).level for name in ("dvc", "dvc_data")}
    remote = open_remote(project_of(repo))
    with pytest.raises(MissingObject):
        remote.download("0" * 32, repo.path / "x", PROGRESS)
    assert {name: logging.getLogger(name).level for name in before} == before


def test_passwords_are_not_part_of_the_name(tmp_path: Path) -> None:
    assert DVCRemote(tmp_path, "storage", "https://ada:hunter2@host/x").url == "https://ada:***@host/x"


@pytest.mark.compatibility("Remotes", "HTTP, and whatever else DVC has a plugin for")
def test_an_object_store_by_way_of_dvc(make_repo: Any, s3_server: Server, tmp_path: Path) -> None:
    url = f"s3://{s3_server.make_bucket()}/x"
    files = {"model.bin": os.urandom(3_000_000), "empty": b""}
    repo = make_repo(install=False, remote=url, server=s3_server, files=files)
    remote = DVCRemote(repo.path, "storage", url)
    store = repo.path / ".dvc/cache/files/md5"
    blobs = [Blob(path.parent.name + path.name, path, path.stat().st_size) for path in store.glob("??/*")]
    assert remote.missing([item.oid for item in blobs]) == repo.objects()
    remote.upload(blobs, PROGRESS)
    assert remote.missing([item.oid for item in blobs], {item.oid: item.size for item in blobs}) == set()
    for item in blobs:
        remote.download(item.oid, tmp_path / item.oid, PROGRESS)
    assert "in sync" in repo.dvc("status", "-c").text


def test_a_store_that_hashes_itself() -> None:
    digest = hashlib.md5(b"x")
    assert stored_md5({"md5Hash": base64.b64encode(digest.digest()).decode()}) == digest.hexdigest()
    assert stored_md5({"content_settings": {"content_md5": bytearray(digest.digest())}}) == digest.hexdigest()
    assert stored_md5({"size": 1}) is None
    assert stored_md5({"md5Hash": "?"}) is None
