"""Disks that fill, S3 that is away, clocks that disagree, a repository without a work tree: training goes on where it
can, what was saved is not lost, and one line says what is wrong."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from conftest import MakeRepo

from cpv_hooks.git.repo import Repo
from cpv_hooks.runs import run_refs
from cpv_hooks.runs.run_folder import RunFolder
from support.faulty import Proxy, proxied
from support.gate import gated
from support.job import Job
from support.mounts import small_disk
from support.repos import SETTINGS, ModelRepo
from support.seaweed import Server
from support.shell import Shell

BEGIN = """
import os, sys
from pathlib import Path
from dvc_cpv_plugin import CheckpointRun

def save(folder):
    (folder / "model.bin").write_bytes(os.urandom(5_000_000))

def fill(leave):
    room = os.statvfs(".")
    with open("../ballast", "wb") as stream:
        stream.write(bytes(max(0, room.f_bavail * room.f_frsize - leave)))
"""


def steps(repo: ModelRepo, run: str = "main") -> list[int]:
    return [step.step for step in run_refs.steps_of_run(Repo.discover(repo.path), run)]


def test_a_disk_that_fills_costs_the_steps_that_it_has_no_room_for(make_repo: MakeRepo, tmp_path: Path) -> None:
    body = """
def in_other_words(folder):
    try:
        save(folder)
    except OSError:
        failed = RuntimeError("unexpected pos 12345 vs 12344")
    failed.__context__ = None
    raise failed

with CheckpointRun(every=1) as run:
    for step, leave in enumerate([None, 1_000_000, None, 7_000_000, None, 1_000_000]):
        if leave is not None:
            fill(leave)
        print(step, run.step(step, save=in_other_words if step == 5 else save), flush=True)
        run.flush()
        if leave is not None:
            os.unlink("../ballast")
"""
    with small_disk(tmp_path / "disk", "60m"):
        repo = make_repo("disk/repo", files={"model.bin": "first"})
        done = repo.python("-c", BEGIN + body)
        assert done.lines == ["0 True", "1 False", "2 True", "3 True", "4 True", "5 False"]
        assert "run main: step 1 is not saved: " in done.err
        assert "run main: step 5 is not saved: " in done.err
        assert "run main: step 3 is not kept" in done.err
        assert done.err.count("no space left on the disk; fix: free space there") == 3, done.err
        assert "Traceback" not in done.err
        assert steps(repo) == [0, 2, 4]
        again = repo.python("-c", BEGIN + "with CheckpointRun(name='main') as run: print(run.resume(print).step)")
        assert again.lines[-1] == "4"


class Away(Proxy):
    """The way to a server that is down: it refuses whoever connects, until it is back."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._address = self._listener.getsockname()
        self.down()

    def down(self) -> None:
        """The server answers no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def back(self) -> None:
        """The server answers again."""
        self._listener = socket.create_server(self._address, backlog=128)
        threading.Thread(target=self._accept, daemon=True).start()


@pytest.fixture
def bucket(s3_server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    return s3_server.make_bucket()


@pytest.fixture
def repo(make_repo: MakeRepo, s3_server: Server, bucket: str) -> ModelRepo:
    return make_repo(remote=f"s3://{bucket}/vision/resnet", server=s3_server, files={"model.bin": "first"})


def reach(repo: ModelRepo, url: str) -> None:
    repo.dvc("remote", "modify", "--local", "storage", "endpointurl", url)


@pytest.fixture
def away(repo: ModelRepo, s3_server: Server) -> Iterator[Away]:
    parts = urlsplit(s3_server.endpoint_url)
    found = Away((parts.hostname or "localhost", parts.port or 80), seed=0, rate=0)
    reach(repo, found.endpoint_url)
    yield found
    found.close()


def waiting(repo: ModelRepo) -> int:
    return json.dumps(json.loads(repo.cpv("sync", "--status", "--json", status=None).out)).count("training run's")


def goes_on_elsewhere(repo: ModelRepo) -> str:
    """Where a job with nothing in its cache begins."""
    shutil.rmtree(repo.path / ".dvc/cache/files", ignore_errors=True)
    again = Job(repo.path, 1, name="main")
    assert again.end() == 0, again.errors
    return again.lines[0]


def test_s3_that_is_down_for_all_of_a_run_gets_it_later(repo: ModelRepo, away: Away) -> None:
    job = Job(repo.path, 3, every=1)
    assert job.end() == 0, job.errors
    assert [line for line in job.lines if line.startswith("step")] == [f"step {step} True" for step in range(3)]
    assert "queued; dvc cpv sync tries again" in job.errors
    assert "Traceback" not in job.errors
    assert (steps(repo), waiting(repo)) == ([0, 1, 2], 3)
    away.back()
    repo.cpv("sync")
    assert waiting(repo) == 0
    # Another machine, at the wrong moment: it does not begin anew, and takes no older step than there is.
    away.down()
    shutil.rmtree(repo.path / ".dvc/cache/files")
    lost = Job(repo.path, 1, name="main")
    assert (lost.end(), lost.lines) == (1, [])
    assert "run main could not be searched for a step to resume from (the line above says why)" in lost.errors
    assert "passed over" not in lost.errors
    away.back()
    assert goes_on_elsewhere(repo) == "start 2 main"


def test_a_faulty_s3_loses_no_step(repo: ModelRepo, s3_server: Server) -> None:
    with proxied(s3_server.endpoint_url, seed=3, rate=0.5) as proxy:
        reach(repo, proxy.endpoint_url)
        job = Job(repo.path, 4, every=1)
        assert job.end() == 0, job.errors
        assert proxy.done.total() > 0
        proxy.rate = 0.0
        repo.cpv("sync")
    reach(repo, s3_server.endpoint_url)
    assert (steps(repo), waiting(repo)) == ([0, 1, 2, 3], 0)
    assert "Traceback" not in job.errors
    assert goes_on_elsewhere(repo) == "start 3 main"


def test_s3_that_does_not_answer_holds_no_step_up(repo: ModelRepo, s3_server: Server) -> None:
    with gated(s3_server.endpoint_url) as gate:
        reach(repo, gate.endpoint_url)
        job = Job(repo.path, 1000, pause=0.05, every=1, grace=0.5)
        # Closed until the job has ended: it went on beside an upload that stood still.
        job.until("step 5 ")
        assert gate.knocked.wait(60)
        job.until(f"step {len(job.lines) + 10} ")
        job.send(signal.SIGTERM)
        assert job.end() == 128 + signal.SIGTERM
        assert "the upload goes on while this machine runs (dvc cpv sync)" in job.errors
        last = int(job.lines[-1].split()[1])
        gate.open()
        with RunFolder.of(Repo.discover(repo.path), "main").working():
            pass  # its background process has come to its end
        repo.cpv("sync", "--wait")
    reach(repo, s3_server.endpoint_url)
    found = steps(repo)
    assert found[-1] >= last
    assert waiting(repo) == 0
    assert goes_on_elsewhere(repo) == f"start {found[-1]} main"


def test_a_git_host_that_is_away_begins_no_run_anew(make_repo: MakeRepo, tmp_path: Path) -> None:
    settings = SETTINGS + "[runs]\npush = true\n"
    repo = make_repo(settings=settings, files={"model.bin": "first"})
    repo.git("init", "-q", "--bare", "../host.git")
    repo.git("remote", "add", "origin", "../host.git")
    repo.git("push", "-q", "origin", "HEAD", "--tags")
    assert Job(repo.path, 2, every=1, name="a").end() == 0
    repo.git("clone", "-q", "../host.git", "../other")
    other = ModelRepo(tmp_path / "other")
    host = tmp_path / "host.git"
    host.rename(tmp_path / "away")
    lost = Job(other.path, 3, every=1, name="a")
    assert (lost.end(), lost.lines) == (1, [])
    assert "run a: what the Git host has of it is not known: " in lost.errors
    (tmp_path / "away").rename(host)
    found = Job(other.path, 3, every=1, name="a")
    assert (found.end(), found.lines[0]) == (0, "start 1 a"), found.errors
    # What is here is gone on with.
    host.rename(tmp_path / "away")
    found = Job(other.path, 3, every=1, name="a")
    assert (found.end(), found.lines[0]) == (0, "start 2 a"), found.errors


def test_which_step_is_newest_is_no_matter_of_clocks(make_repo: MakeRepo) -> None:
    repo = make_repo(files={"model.bin": "first"})
    skewed = "import time\nreal = time.time\ntime.time = lambda: real() + {hours} * 3600\n"
    body = """
with CheckpointRun(every=1, keep_last=2, name="a") as run:
    start = run.resume(lambda folder: None)
    first = start.step + 1 if start else 0
    print("start", first)
    for step in range(first, first + 3):
        run.step(step, save=lambda folder: (folder / "model.bin").write_bytes(os.urandom(9)))
        run.flush()
"""
    # Three machines, of which each one's clock is years behind that of the one before.
    for count, hours in enumerate((50_000, 0, -50_000)):
        done = repo.python("-c", skewed.format(hours=hours) + BEGIN + body)
        assert done.lines == [f"start {count * 3}"]
        assert steps(repo, "a") == [count * 3 + 1, count * 3 + 2]
    shown = json.loads(repo.cpv("runs", "list", "--json").out)
    assert shown[0]["last"]["step"] == 8
    assert repo.cpv("runs", "promote", "a").lines == ["v0.1"]
    assert repo.git("log", "-1", "--format=%s").out == "Model v0.1: run a, step 8\n"


def test_a_repository_without_a_work_tree_is_refused_in_one_line(make_repo: MakeRepo, shell: Shell) -> None:
    make_repo(files={"model.bin": "first"})
    shell.git("clone", "-q", "--bare", "repo", "bare.git")
    code = BEGIN + "with CheckpointRun(): pass"
    done = shell.python("-c", code, cwd="bare.git", status=1)
    what = "bare.git: not inside a Git work tree, but in a Git directory; fix: cd to a work tree of it"
    assert what in done.err.splitlines()[-1]
    for words in (("runs", "list"), ("retire", "v0.0"), ("retire", "--list")):
        done = shell.cpv(*words, cwd="bare.git", status=1)
        assert (what in done.err, len(done.err.splitlines())) == (True, 1)
