"""A repository's data on its way to S3: all of it, verified, resumable, and nothing lost on the old remote."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from conftest import MakeRepo

from cpv_hooks.accounts.aws.move import copy_objects
from cpv_hooks.accounts.aws.objects_to_move import objects_needed, pointer_commits
from cpv_hooks.accounts.aws.survey import OpenTarget, survey_remotes
from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.cache import Cache
from cpv_hooks.dvcformat.pointer import Content
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.remote.common.protocol import RemoteError
from cpv_hooks.remote.s3.file_parts import PART
from cpv_hooks.remote.s3.s3_remote import S3Remote
from cpv_hooks.transfer.commits.upload_commits import publish
from cpv_hooks.transfer.objects.upload_queue import Queue
from cpv_hooks.worktree.rescue_list import record
from support.repos import ModelRepo, object_names
from support.seaweed import Server

PREFIX = "vision/resnet"


class Target:
    """Where the data goes."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.bucket = server.make_bucket()
        self.url = f"s3://{self.bucket}/{PREFIX}"
        keys = {"access_key_id": server.access_key, "secret_access_key": server.secret_key}
        self.values = {"endpointurl": server.endpoint_url, "region": server.region, **keys}

    def open(self, legacy: bool) -> S3Remote:
        return S3Remote(self.url, self.values, name="s3", legacy=legacy)

    def objects(self) -> set[str]:
        return {"".join(key.split("/")[-2:]) for key in self.server.keys(self.bucket)}

    def sizes(self) -> dict[str, int]:
        return self.server.keys(self.bucket)


@pytest.fixture
def target(s3_server: Server) -> Target:
    return Target(s3_server)


def project_of(repo: ModelRepo) -> Project:
    return Project.open(Repo.discover(repo.path), repo.path)


def planned(project: Project, target: OpenTarget) -> list[str]:
    with TemporaryDirectory() as folder:
        return [str(effect) for effect in survey_remotes(project, target, Path(folder)).effects()]


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    files = {"model.bin": "one", "data/a": "a", "data/sub/b": "b", "metrics.log": "loss=1\n"}
    made = make_repo(install=False, files=files)
    publish(project_of(made), ["HEAD"], Progress("uploading"))
    return made


@pytest.fixture
def storage(repo: ModelRepo) -> Path:
    return repo.path.parent / "storage"


def everywhere(repo: ModelRepo, storage: Path) -> set[str]:
    return repo.objects() | object_names(storage / "files/md5")


# What is needed


def test_all_that_any_ref_leads_to_is_needed(make_repo: MakeRepo) -> None:
    """Branches, tags, remote-tracking, each stash, detached work trees, queued uploads; not what no ref leads to."""
    repo = make_repo(install=False)
    contents: dict[str, str] = {}

    def change(name: str, where: ModelRepo = repo) -> None:
        contents[name] = hashlib.md5(name.encode()).hexdigest()
        where.write("model.bin.dvc", f"outs:\n- md5: {contents[name]}\n  size: 1\n  hash: md5\n  path: model.bin\n")
        where.git("add", "model.bin.dvc")

    def commit(name: str, where: ModelRepo = repo) -> str:
        change(name, where)
        return where.commit(name)

    commit("between")
    commit("main")
    repo.git("checkout", "-q", "-b", "side", "HEAD^")
    commit("side")
    repo.git("checkout", "-q", "--detach", "main")
    commit("tagged only")
    repo.git("tag", "kept")
    repo.git("checkout", "-q", "--detach", "main")
    repo.git("update-ref", "refs/remotes/origin/theirs", commit("theirs"))
    repo.git("checkout", "-q", "main")
    for name in ("first stash", "second stash"):
        change(name)
        repo.git("stash", "-q")
    repo.git("worktree", "add", "-q", "--detach", "../other", "main")
    commit("other", ModelRepo(repo.path.parent / "other"))
    repo.git("checkout", "-q", "--detach", "main")
    Queue.of(Repo.discover(repo.path)).add(".", [commit("queued")], "test")
    gone = commit("gone")
    repo.git("checkout", "-q", "main")
    found = objects_needed(project_of(repo))
    assert found.unreadable == []
    assert gone not in pointer_commits(project_of(repo))
    del contents["gone"]
    assert set(found.objects) == set(contents.values())


def test_a_rescue_is_needed(repo: ModelRepo, target: Target) -> None:
    path = repo.write("unsaved", "moved out of the way")
    project = project_of(repo)
    oid, size = Cache(project.cache_dir).add_file(path)
    record(project.repo, "model.bin", Content(oid, size), why="a checkout")
    assert oid in objects_needed(project_of(repo)).objects
    copy_objects(project_of(repo), target.open)
    assert oid in target.objects()


# The copy


def test_everything_arrives_and_the_old_storage_is_left(repo: ModelRepo, storage: Path, target: Target) -> None:
    repo.write("model.bin", os.urandom(PART + 5))
    repo.write("data/sub/b", "")
    repo.track("model.bin", "data")
    repo.commit("large")
    before, old = everywhere(repo, storage), object_names(storage / "files/md5")
    listed = planned(project_of(repo), target.open)
    assert target.sizes() == {}
    found = copy_objects(project_of(repo), target.open)
    assert found.lost == []
    assert target.objects() == before
    assert sorted(line.split()[2] for line in listed) == sorted(f"s3://{target.bucket}/{key}" for key in target.sizes())
    assert f"s3: put {target.open(False).address(repo.md5('model.bin'))} (16.8 MB)" in listed
    assert object_names(storage / "files/md5") == old
    assert planned(project_of(repo), target.open) == []


def test_what_the_cache_lacks_comes_from_the_old_remote_and_stays_out_of_the_cache(
    repo: ModelRepo, storage: Path, target: Target
) -> None:
    before = everywhere(repo, storage)
    shutil.rmtree(repo.path / ".dvc/cache")
    listed = planned(project_of(repo), target.open)
    assert not (repo.path / ".dvc/cache").exists()
    copy_objects(project_of(repo), target.open)
    assert target.objects() == before
    assert len(listed) == len(before)
    assert repo.objects() == set()
    assert not list((repo.path / ".dvc/cache").glob("cpv-move*"))


def test_what_only_the_cache_has_is_moved_too_and_the_queue_is_done(make_repo: MakeRepo, target: Target) -> None:
    repo = make_repo(install=False, files={"model.bin": "one"})
    queue = Queue.of(Repo.discover(repo.path))
    queue.add(".", [repo.head()], "test")
    copy_objects(project_of(repo), target.open)
    assert target.objects() == repo.objects()
    assert queue.pending() == []
    assert queue.verified(target.open(False).url, repo.objects()) == repo.objects()


def test_from_one_bucket_to_another(make_repo: MakeRepo, s3_server: Server, target: Target) -> None:
    old = s3_server.make_bucket()
    repo = make_repo(remote=f"s3://{old}/x", server=s3_server, files={"model.bin": "one", "data/a": "a"}, install=False)
    publish(project_of(repo), ["HEAD"], Progress("uploading"))
    shutil.rmtree(repo.path / ".dvc/cache")
    copy_objects(project_of(repo), target.open)
    assert sorted(s3_server.keys(old).values()) == sorted(target.sizes().values()) != []


def test_what_is_there_is_not_sent_again_and_what_is_cut_short_is(repo: ModelRepo, target: Target) -> None:
    copy_objects(project_of(repo), target.open)
    client = target.server.client()
    stamps = {key: client.head_object(Bucket=target.bucket, Key=key)["LastModified"] for key in target.sizes()}
    oid = repo.md5("model.bin")
    key = f"{PREFIX}/files/md5/{oid[:2]}/{oid[2:]}"
    client.put_object(Bucket=target.bucket, Key=key, Body=b"on")
    time.sleep(1.1)  # the server's clock counts seconds
    assert [line.split()[2] for line in planned(project_of(repo), target.open)] == [f"s3://{target.bucket}/{key}"]
    copy_objects(project_of(repo), target.open)
    assert target.sizes()[key] == 3
    for other in set(stamps) - {key}:
        assert client.head_object(Bucket=target.bucket, Key=other)["LastModified"] == stamps[other]


def test_names_of_dvc_2_keep_their_layout(make_repo: MakeRepo, target: Target) -> None:
    repo = make_repo(install=False, files={"model.bin": "one\r\ntwo\r\n"})
    from cpv_hooks.dvcformat.file_hash import legacy_md5

    oid = legacy_md5(repo.path / "model.bin")
    repo.write(f".dvc/cache/{oid[:2]}/{oid[2:]}", repo.read("model.bin")).chmod(0o444)
    repo.write("model.bin.dvc", f"outs:\n- md5: {oid}\n  size: 10\n  path: model.bin\n")
    repo.git("commit", "-qm", "as DVC 2 wrote it", "--", "model.bin.dvc")
    copy_objects(project_of(repo), target.open)
    assert f"{PREFIX}/{oid[:2]}/{oid[2:]}" in target.sizes()
    assert len(target.sizes()) == 2


# What cannot be had


def lose(repo: ModelRepo, storage: Path, oid: str) -> None:
    for base in (repo.path / ".dvc/cache", storage):
        (base / "files/md5" / oid[:2] / oid[2:]).unlink()


def test_what_is_lost_is_named_and_stops_the_move(repo: ModelRepo, storage: Path, target: Target) -> None:
    one = repo.md5("data/a")
    lose(repo, storage, one)
    project = project_of(repo)
    with pytest.raises(CPVError) as caught:
        copy_objects(project, target.open)
    directory = next(oid for oid in objects_needed(project).objects if oid.endswith(".dir"))
    at = f"at {repo.head()[:10]}"
    assert str(caught.value) == (
        f"{repo.path}: neither the cache nor {storage} has all that is needed: data {at} ({directory}), "
        f"data/a {at} ({one}); fix: dvc cpv sync in a clone that has a copy, "
        "or dvc cpv aws-config --force (moves the rest)"
    )
    assert target.sizes() == {}


def test_with_force_the_rest_is_moved_and_a_directory_is_promised_only_whole(
    repo: ModelRepo, storage: Path, target: Target
) -> None:
    one = repo.md5("data/a")
    lose(repo, storage, one)
    queue = Queue.of(Repo.discover(repo.path))
    queue.add(".", [repo.head()], "test")
    found = copy_objects(project_of(repo), target.open, accept_loss=True)
    assert len(found.lost) == 2
    assert target.objects() == {repo.md5("model.bin"), repo.md5("metrics.log"), repo.md5("data/sub/b")}
    assert [item.commit for item in queue.pending()] == [repo.head()]


def test_a_long_list_is_said_line_by_line(
    make_repo: MakeRepo, target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    repo = make_repo(install=False, files={f"data/{number}": str(number) for number in range(9)})
    for path in (repo.path / ".dvc/cache/files/md5").glob("??/*"):
        if not path.name.endswith(".dir"):
            path.unlink()
    with pytest.raises(CPVError, match=r"data/3 at [0-9a-f]{10} \([0-9a-f]{32}\) and 5 more; fix"):
        copy_objects(project_of(repo), target.open)
    assert capsys.readouterr().err.count("cpv: missing too: data/") == 5


@pytest.mark.parametrize("good_copy", [True, False])
def test_a_damaged_object_comes_from_where_it_is_sound(
    repo: ModelRepo, storage: Path, target: Target, good_copy: bool
) -> None:
    oid = repo.md5("model.bin")
    for base in (repo.path / ".dvc/cache", *(() if good_copy else (storage,))):
        path = base / "files/md5" / oid[:2] / oid[2:]
        path.chmod(0o644)
        path.write_bytes(b"two")
        path.chmod(0o444)
    if good_copy:
        copy_objects(project_of(repo), target.open)
        assert oid in target.objects()
        return
    with pytest.raises(CPVError, match=rf"has all that is needed: model.bin at [0-9a-f]{{10}} \({oid}\); fix"):
        copy_objects(project_of(repo), target.open)
    assert oid not in target.objects()


def test_a_commit_that_cannot_be_read_is_named(repo: ModelRepo, target: Target) -> None:
    repo.write("model.bin.dvc", "a: [\n")
    repo.git("-c", "core.hooksPath=/dev/null", "commit", "-qm", "broken", "--", "model.bin.dvc")
    with pytest.raises(CPVError, match=rf"all that is needed: model.bin.dvc:2: not YAML at {repo.head()[:10]}; fix"):
        copy_objects(project_of(repo), target.open)
    assert copy_objects(project_of(repo), target.open, accept_loss=True).lost != []
    assert repo.md5("metrics.log") in target.objects()


def test_imports_and_what_git_holds_need_not_be_there(make_repo: MakeRepo, target: Target) -> None:
    repo = make_repo(install=False, files={"model.bin": "one"})
    text = repo.read("model.bin.dvc").decode()
    repo.write("model.bin.dvc", text + "deps:\n- path: http://example.com/x\n")
    repo.git("commit", "-qm", "an import", "--", "model.bin.dvc")
    repo.git("update-ref", "-d", "HEAD")
    repo.git("add", "-A")
    repo.commit("the import alone")
    shutil.rmtree(repo.path / ".dvc/cache")
    assert copy_objects(project_of(repo), target.open).lost == []
    assert target.sizes() == {}


def test_a_server_that_fails_half_way_is_said(repo: ModelRepo, target: Target) -> None:
    target.values["access_key_id"] = "nobody"
    with pytest.raises(RemoteError, match="the server does not know this access key"):
        copy_objects(project_of(repo), target.open)


# Kills

MOVE = """
import sys, time
from pathlib import Path
from cpv_hooks.accounts.aws.move import copy_objects
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.remote.s3.s3_remote import S3Remote
root, url, pause, *pairs = sys.argv[1:]
values = dict(pair.split("=", 1) for pair in pairs)
put = S3Remote._put

def put_slowly(*args):
    put(*args)
    time.sleep(float(pause))

S3Remote._put = put_slowly
copy_objects(Project.open(Repo.discover(Path(root)), Path(root)), lambda legacy: S3Remote(url, values, legacy=legacy))
"""


def until(condition: Callable[[], Any], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def test_a_killed_move_goes_on_where_it_stopped(make_repo: MakeRepo, target: Target) -> None:
    files: dict[str, str | bytes] = {f"data/{number}": os.urandom(200_000) for number in range(300)}
    repo = make_repo(install=False, files={**files, "model.bin": os.urandom(2 * PART)})
    pairs = [f"{key}={value}" for key, value in target.values.items()]
    command = [sys.executable, "-c", MOVE, str(repo.path), target.url]
    process = subprocess.Popen([*command, "0.1", *pairs], stdin=subprocess.DEVNULL)
    try:
        until(lambda: len(target.sizes()) > 20 or process.poll() is not None)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    sent = target.sizes()
    assert 20 < len(sent) < len(repo.objects())
    assert not any(key.endswith(".dir") for key in sent)
    listed = {line.split()[2] for line in planned(project_of(repo), target.open)}
    assert not listed & {f"s3://{target.bucket}/{key}" for key in sent}
    subprocess.run([*command, "0", *pairs], stdin=subprocess.DEVNULL, check=True)
    assert target.objects() == repo.objects()
    sizes = {path.parent.name + path.name: path.stat().st_size for path in _cached(repo)}
    assert {"".join(key.split("/")[-2:]): size for key, size in target.sizes().items()} == sizes


def _cached(repo: ModelRepo) -> list[Path]:
    return list((repo.path / ".dvc/cache/files/md5").glob("??/*"))


def test_what_belongs_on_another_remote_stays_there(repo: ModelRepo, target: Target) -> None:
    repo.dvc("remote", "add", "-q", "private", repo.path.parent / "private")
    repo.write("model.bin.dvc", repo.read("model.bin.dvc") + b"  remote: private\n")
    repo.write("data.dvc", repo.read("data.dvc") + b"  remote: storage\n")
    repo.git("commit", "-qam", "their own remotes")
    public = repo.md5("metrics.log")
    path = repo.write("unsaved", "the model, moved out of the way")
    project = project_of(repo)
    oid, size = Cache(project.cache_dir).add_file(path)
    record(project.repo, "model.bin", Content(oid, size), why="a checkout")
    repo.git("update-ref", "refs/tags/start", "HEAD")
    repo.git("update-ref", "HEAD", repo.git("commit-tree", "-m", "one", "HEAD^{tree}").out.strip())
    repo.git("tag", "-d", "start")
    copy_objects(project_of(repo), target.open)
    assert target.objects() == {public}
    assert repo.md5("model.bin") not in objects_needed(project_of(repo)).objects
    assert set(objects_needed(project_of(repo), moving="storage").objects) == {public, _pointer_oid(repo, "data.dvc")}


def _pointer_oid(repo: ModelRepo, pointer: str) -> str:
    return repo.read(pointer).decode().split("md5: ")[1].split("\n")[0]


def test_an_experiment_whose_data_is_gone_does_not_stop_it(repo: ModelRepo, target: Target) -> None:
    repo.write("model.bin.dvc", f"outs:\n- md5: {'a' * 32}\n  size: 1\n  hash: md5\n  path: model.bin\n")
    repo.git("commit", "-qam", "an experiment without its data")
    repo.git("update-ref", "refs/exps/12/34567890/keen-crab", "HEAD")
    repo.git("reset", "-q", "--hard", "HEAD^")
    copy_objects(project_of(repo), target.open)
    assert repo.md5("model.bin") in target.objects()
    repo.git("update-ref", "refs/heads/side", "refs/exps/12/34567890/keen-crab")
    with pytest.raises(CPVError, match=r"has all that is needed: model\.bin at"):
        copy_objects(project_of(repo), target.open)
