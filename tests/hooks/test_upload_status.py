"""What the background workers do, seen from outside: `dvc cpv sync --status` and `--wait`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from conftest import MakeRepo

from cpv_hooks.project.project import Project
from cpv_hooks.transfer.commits import upload_status
from cpv_hooks.transfer.commits.upload_locks import working
from cpv_hooks.transfer.commits.upload_status import Uploads, wait
from cpv_hooks.transfer.objects.upload_queue import Queue
from support.engine import git_repo
from support.gate import Gate, gated
from support.repos import ModelRepo
from support.seaweed import Server
from support.shell import BIN

SETTINGS = '[push]\nwhen = "background"\n'
FILES = {"model.bin": "one", "data/a": "1", "metrics.log": "loss=1\n"}


@dataclass(frozen=True)
class World:
    repo: ModelRepo
    gate: Gate
    server: Server
    bucket: str

    def stored(self) -> set[str]:
        return {"".join(key.split("/")[-2:]) for key in self.server.keys(self.bucket)}


@pytest.fixture
def world(make_repo: MakeRepo, s3_server: Server) -> Iterator[World]:
    """A commit whose data a worker uploads to a server that does not answer yet; the shell of the commit is gone."""
    bucket = s3_server.make_bucket()
    with gated(s3_server.endpoint_url) as gate:
        server = replace(s3_server, endpoint_url=gate.endpoint_url)
        repo = make_repo(remote=f"s3://{bucket}/vision", server=server, files=FILES, settings=SETTINGS)
        assert gate.knocked.wait(30)
        yield World(repo, gate, s3_server, bucket)


def uploads(repo: ModelRepo) -> Uploads:
    return Uploads.read(git_repo(repo))


def test_what_is_being_uploaded_is_shown_and_waited_for(world: World) -> None:
    repo = world.repo
    head = repo.head()
    shown = json.loads(repo.cpv("sync", "--status", "--json", status=1).out)
    (worker,), (item,) = shown["workers"], shown["waiting"]
    assert (item["root"], item["commit"], item["uploading"], item["error"]) == (".", head, True, None)
    assert os.getsid(worker["process"]) == worker["process"], "a session of its own outlives the terminal"
    lines = uploads(repo).lines()
    assert lines[0].startswith("uploading since 20") and lines[0].endswith(f" (process {worker['process']})")
    assert lines[1].startswith(f"uploading: {head[:10]} (commit) since 20")
    with subprocess.Popen(
        [BIN / "dvc", "cpv", "sync", "--wait"], cwd=repo.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as waiting:
        world.gate.open()
        out, _ = waiting.communicate(timeout=60)
    assert (waiting.returncode, out) == (0, "nothing waits to be uploaded\n")
    assert world.stored() == repo.objects()
    assert json.loads(repo.cpv("sync", "--status", "--json").out) == {"waiting": [], "workers": [], "last_error": None}


def test_a_second_commit_waits_for_the_first(
    world: World, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = world.repo
    first = repo.head()
    repo.write("model.bin", "two")
    repo.commit("second")
    found = uploads(repo)
    assert [(item.commit, found.is_under_way(item)) for item in found.waiting] == [(first, True), (repo.head(), False)]
    monkeypatch.setattr(upload_status, "SAY_EVERY", 0.0)
    say = upload_status._say_left

    def then_open(found: Uploads) -> None:
        say(found)
        world.gate.open()

    monkeypatch.setattr(upload_status, "_say_left", then_open)
    assert wait(git_repo(repo)).lines() == ["nothing waits to be uploaded"]
    assert "cpv: uploading in the background: 2 commits left\n" in capfd.readouterr().err
    assert world.stored() == repo.objects()


def test_a_worker_that_is_killed_is_followed_by_another(world: World) -> None:
    repo = world.repo
    (worker,) = uploads(repo).workers
    os.kill(worker.process, signal.SIGKILL)
    while uploads(repo).workers:
        time.sleep(0.01)
    (item,) = uploads(repo).waiting
    assert uploads(repo).lines()[0].startswith(f"waiting: {item.commit[:10]} (commit) since ")
    world.gate.open()
    assert wait(git_repo(repo)).waiting == ()
    assert world.stored() == repo.objects()


def test_what_failed_is_left_and_says_why(make_repo: MakeRepo) -> None:
    repo = make_repo(files=FILES, settings=SETTINGS)
    wait(git_repo(repo))
    (repo.path.parent / "storage").rename(repo.path.parent / "gone")
    repo.write("../storage", "no folder")
    repo.write("model.bin", "two")
    repo.commit("second")
    left = wait(git_repo(repo))
    (item,) = left.waiting
    assert left.workers == ()
    assert item.error is not None and left.last_error == item.error
    done = repo.cpv("sync", "--wait", status=1)
    assert done.out.startswith(f"waiting: {repo.head()[:10]} (commit) since ")
    assert done.out.rstrip().endswith(item.error)


def test_two_roots_have_a_worker_each(make_repo: MakeRepo) -> None:
    """One that is at work for one root keeps no other one from its own."""
    from cpv_hooks.transfer.commits.background_worker import upload_queued

    repo = make_repo(install=False, files=FILES, settings=SETTINGS)
    repo.run("mkdir", "sub")
    repo.dvc("init", "-q", "--subdir", cwd="sub")
    repo.write("sub/.cpv.toml", SETTINGS)
    repo.write("sub/.dvc/config", repo.read(".dvc/config").decode())
    repo.git("add", "-A")
    repo.commit("second root")
    top, sub = Project.find_all(git_repo(repo))
    for root in (".", "sub"):
        Queue.of(top.repo).add(root, [repo.head()], "commit")
    with working(top):
        upload_queued(sub)
        upload_queued(top)  # somebody is at work there
        assert [item.root for item in uploads(repo).waiting] == ["."]
        assert [(worker.root, worker.process) for worker in uploads(repo).workers] == [(".", os.getpid())]


def test_a_status_and_a_wait_at_once_are_refused(make_repo: MakeRepo) -> None:
    assert "not allowed with argument" in make_repo(install=False).cpv("sync", "--status", "--wait", status=254).err
