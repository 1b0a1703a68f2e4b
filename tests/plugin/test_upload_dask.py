"""A folder that a Dask cluster hashes, caches and uploads: the same bytes as one process makes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import MakeRepo

from support.dask import cluster
from support.repos import SETTINGS, ModelRepo, object_names

UPLOAD = """
import sys
from cpv_hooks.console import progress
from cpv_hooks.transfer.objects import on_dask
progress.LINE_AFTER = progress.LINE_EVERY = 0
on_dask._TASK_FILES = 2
on_dask.LEAST = 1
from dvc_cpv_plugin.cli import main
sys.exit(main())
"""
MODEL = SETTINGS + '[artifacts]\nmodel = ["shards"]\n'


def shards(folder: Path, first: int = 0, end: int = 12) -> Path:
    for number in range(first, end):
        path = folder / f"shards/part-{number % 3}/{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"shard {number}\n".encode() * (1 + number * 50))
    return folder / "shards"


@pytest.fixture
def repo(make_repo: MakeRepo, tmp_path: Path) -> ModelRepo:
    return make_repo(remote=tmp_path / "vision/resnet", settings=MODEL, real_hooks=False)


def test_a_worker_dies_and_its_files_alone_are_done_again(repo: ModelRepo, tmp_path: Path, make_repo: MakeRepo) -> None:
    source = shards(tmp_path / "elsewhere")
    with cluster(tmp_path, workers=2, dying=1) as address:
        done = repo.python("-c", UPLOAD, "model", "upload", source, "--dask", address)
    assert done.out == "v0.0\n"
    assert re.search(r"on \d Dask workers: \d+%", done.err), done.err
    by_hand = make_repo("one", remote=tmp_path / "other/resnet", settings=MODEL, real_hooks=False)
    by_hand.cpv("model", "upload", source)
    assert repo.read("shards.dvc") == by_hand.read("shards.dvc")
    stored = object_names(tmp_path / "vision/resnet/files/md5")
    assert stored == object_names(tmp_path / "other/resnet/files/md5")
    assert repo.objects() == by_hand.objects()
    dead, living = ((tmp_path / f"worker-{number}").read_text().split() for number in (0, 1))
    assert len(dead) == 2
    assert sorted(living) == sorted(oid for oid in stored if not oid.endswith(".dir"))  # each of them once
    assert repo.dvc("status", "--json").out.strip() == "{}"


def test_a_commit_s_snapshot(repo: ModelRepo, tmp_path: Path) -> None:
    """A cluster that came with the repository is used when the user has confirmed it."""
    shards(repo.path)
    with cluster(tmp_path) as address:
        repo.write(".cpv.toml", f'{MODEL}[snapshot]\ndask = "{address}"\n')
        asked = repo.python("-c", UPLOAD, "sync", env={"CPV_TRUST": ""})
        assert f"[snapshot] dask: {address} is not used before it is confirmed" in asked.err
        assert not (tmp_path / "worker-0").exists()
        before = repo.objects()
        shards(repo.path, 12, 14)
        repo.write("shards/part-0/0.bin", "another")
        repo.cpv("config", "trust", address)
        repo.python("-c", UPLOAD, "sync", env={"CPV_TRUST": ""})
    uploaded = set((tmp_path / "worker-0").read_text().split())
    assert len(uploaded) == 3  # two new files and one that changed
    assert uploaded == {oid for oid in repo.objects() - before if not oid.endswith(".dir")}
    assert repo.dvc("status", "--json").out.strip() == "{}"


def test_nothing_is_written_where_the_disk_of_the_remote_is_not_mounted(repo: ModelRepo, tmp_path: Path) -> None:
    """The commit is made, and its upload waits."""
    storage = tmp_path / "vision/resnet"
    with cluster(tmp_path) as address:
        repo.write(".cpv.toml", f'{MODEL}[snapshot]\ndask = "{address}"\n')
        repo.cpv("config", "trust", address)
        shards(repo.path)
        repo.python("-c", UPLOAD, "sync")
        repo.git("add", "-A")
        repo.commit("shards")
        repo.cpv("sync")
        storage.rename(tmp_path / "away")
        shards(repo.path, 12, 14)
        repo.python("-c", UPLOAD, "sync")
    assert not storage.exists()
    repo.git("add", "-A")
    repo.commit("more")
    done = repo.cpv("sync", status=1)
    assert "the directory is not there any more; fix: mount its disk" in done.err
    assert not storage.exists()


def test_what_goes_wrong_is_one_line(repo: ModelRepo, tmp_path: Path) -> None:
    source = shards(tmp_path / "elsewhere")
    nobody = repo.cpv("model", "upload", source, "--dask", "nowhere://1", status=1)
    assert "no Dask scheduler answers at nowhere://1; fix: dask scheduler" in nobody.err
    code = UPLOAD.replace("on_dask.LEAST", "on_dask._WITHOUT_WORKERS = 0.1\non_dask.LEAST")
    with cluster(tmp_path, workers=0) as address:
        alone = repo.python("-c", code, "model", "upload", source, "--dask", address, status=1)
    assert f"{address}: the Dask cluster has no workers; fix: dask worker" in alone.err
    assert repo.git("tag").out == ""
