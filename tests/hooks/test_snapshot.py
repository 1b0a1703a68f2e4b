"""Snapshots: what `dvc add` would have made, of exactly what stands there, however fast it changes."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.dvcformat.directory_object import read_dir_object
from cpv_hooks.sync.sync_policy import PRE_COMMIT, QUERY
from cpv_hooks.worktree.known_files import BeingWritten
from cpv_hooks.worktree.snapshot import take_directory, take_file
from support import engine
from support.repos import ModelRepo
from support.shell import Shell

QUICK = QUERY._replace(patient=False, budget=1 << 30)


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    """Without hooks, so that the engine runs when the test says so."""
    made = make_repo(install=False, files={"model.bin": b"000", "data/a": b"000", "data/sub/b": b"000"})
    engine.run(made, QUERY)
    assert engine.states(engine.run(made, QUERY)) == {}
    return made


def add_with_dvc(repo: Shell, name: str) -> bytes:
    """The pointer that `dvc add` writes."""
    repo.dvc("add", "-q", name)
    return repo.read(f"{name}.dvc")


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o654])
def test_a_file_becomes_what_dvc_add_makes_of_it(repo: ModelRepo, mode: int) -> None:
    repo.write("model.bin", b"new").chmod(mode)
    assert engine.states(engine.run(repo, QUERY)) == {"model.bin": "snapshot"}
    ours = repo.read("model.bin.dvc")
    assert repo.md5("model.bin") in repo.objects()
    repo.git("checkout", "-q", "model.bin.dvc")
    assert add_with_dvc(repo, "model.bin") == ours


def test_a_directory_becomes_what_dvc_add_makes_of_it(repo: ModelRepo) -> None:
    repo.write("data/a", b"changed")
    repo.write("data/with space/ü", b"1").chmod(0o755)
    repo.write("data/.hidden", b"")
    (repo.path / "data/empty").mkdir()
    (repo.path / "data/link").symlink_to("a")
    (repo.path / "data/sub/b").unlink()
    engine.run(repo, QUERY)
    ours, objects = repo.read("data.dvc"), repo.objects()
    repo.git("checkout", "-q", "data.dvc")
    repo.run("rm", "-r", ".dvc/cache")
    assert add_with_dvc(repo, "data") == ours
    assert repo.objects() <= objects
    oid = engine.pointer(repo, "data").oid or ""
    assert oid in objects


def test_an_empty_directory(repo: ModelRepo) -> None:
    (repo.path / "data/a").unlink()
    (repo.path / "data/sub/b").unlink()
    engine.run(repo, QUERY)
    ours = repo.read("data.dvc")
    assert add_with_dvc(repo, "data") == ours


def test_a_file_of_a_directory_that_did_not_change_is_not_read_again(repo: ModelRepo) -> None:
    repo.write("data/a", b"111")
    read: list[int] = []
    space = engine.workspace(repo)
    space.advance = read.append
    take_directory(space, "data")
    assert sum(read) == 3


def test_a_snapshot_of_what_did_not_change_writes_nothing(repo: ModelRepo) -> None:
    os.utime(repo.path / "model.bin")
    before = (repo.path / "model.bin.dvc").stat().st_ino
    assert engine.states(engine.run(repo, QUERY)) == {}
    assert (repo.path / "model.bin.dvc").stat().st_ino == before


# Racy timestamps


def rewrite(repo: Shell, name: str, content: bytes) -> None:
    repo.write(name, content)


def rewrite_with_old_time(repo: Shell, name: str, content: bytes) -> None:
    path = repo.path / name
    times = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def copy_over(repo: Shell, name: str, content: bytes) -> None:
    """`cp -p` keeps the inode, and gives the time of the source, which may be any."""
    repo.write("../source", content)
    repo.run("touch", "-r", name, "../source")
    repo.run("cp", "-p", "../source", name)


def move_over(repo: Shell, name: str, content: bytes) -> None:
    repo.write("../source", content)
    repo.run("touch", "-d", "2001-01-01", "../source")
    repo.run("mv", "../source", name)


def through_a_mapping(repo: Shell, name: str, content: bytes) -> None:
    with (repo.path / name).open("r+b") as stream, mmap.mmap(stream.fileno(), 0) as data:
        data[:] = content
        data.flush()


Way = Callable[[Shell, str, bytes], None]
WAYS: list[Way] = [
    rewrite,
    rewrite_with_old_time,
    copy_over,
    move_over,
    through_a_mapping,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("name", ["model.bin", "data/a"])
def test_no_change_is_missed(repo: ModelRepo, way: Way, name: str) -> None:
    """The same size, and times that say nothing: again and again within one tick of the clock."""
    for number in range(1, 25):
        content = f"{number:03}".encode()
        way(repo, name, content)
        engine.run(repo, QUERY)
        artifact = name.split("/")[0]
        space = engine.workspace(repo)
        oid = engine.pointer(repo, artifact).oid or ""
        if artifact == "data":
            oid = dict(read_dir_object(space.cache.path(oid)))["a"]
        assert space.cache.path(oid).read_bytes() == content


def test_no_change_is_missed_right_after_a_snapshot(repo: ModelRepo) -> None:
    """A write in the very tick in which the base was taken."""
    space = engine.workspace(repo)
    for number in range(100):
        repo.write("model.bin", f"{number:03}".encode())
        taken = take_file(space, "model.bin")
        repo.write("model.bin", b"xyz")
        status = (repo.path / "model.bin").stat()
        sig = taken.entry.signature
        assert sig is not None
        same = sig == (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        assert not (same and max(sig[1], sig[2]) < taken.entry.checked)


def test_a_time_in_the_future_is_hashed_again_each_time(repo: ModelRepo) -> None:
    repo.write("model.bin", b"new")
    repo.run("touch", "-d", "2100-01-01", "model.bin")
    assert engine.states(engine.run(repo, QUERY)) == {"model.bin": "snapshot"}
    before = (repo.path / "model.bin").stat()
    repo.write("model.bin", b"old")
    os.utime(repo.path / "model.bin", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert engine.states(engine.run(repo, QUERY)) == {"model.bin": "snapshot"}


# Writers at work


def test_a_file_that_changes_while_it_is_read(repo: ModelRepo) -> None:
    path = repo.write("model.bin", bytes(3 << 20))
    space = engine.workspace(repo)

    def append(count: int) -> None:
        if path.stat().st_size == 3 << 20:
            with path.open("ab") as stream:
                stream.write(b"x")

    space.advance = append
    with pytest.raises(BeingWritten) as caught:
        take_file(space, "model.bin")
    assert str(caught.value) == (
        f"{path}: is being written; fix: wait for the writer to finish, then repeat the command"
    )


def test_a_file_of_a_directory_that_changes_or_goes_while_it_is_read(repo: ModelRepo) -> None:
    path = repo.write("data/large", bytes(2 << 20))
    space = engine.workspace(repo)
    space.advance = lambda count: path.unlink(missing_ok=True)
    with pytest.raises(BeingWritten, match="data/large: is being written"):
        take_directory(space, "data")
    space.advance = lambda count: os.truncate(path, 5)
    path.write_bytes(bytes(2 << 20))
    with pytest.raises(BeingWritten, match="data/large: is being written"):
        take_directory(space, "data")


@contextmanager
def training(repo: Shell, name: str) -> Iterator[None]:
    """A job that appends to a file all the time, slowly, until it is told to end."""
    code = """
import select, sys
with open(sys.argv[1], "ab", buffering=0) as stream:
    stream.write(b"x")
    print("at work", flush=True)
    while not select.select([sys.stdin], [], [], 0.001)[0]:
        stream.write(b"x")
"""
    job = subprocess.Popen(
        [sys.executable, "-c", code, repo.path / name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert job.stdin and job.stdout
    assert job.stdout.readline() == "at work\n"
    try:
        yield
    finally:
        job.stdin.close()
        assert job.wait() == 0
        job.stdout.close()


def test_a_background_query_passes_over_what_is_being_written(repo: ModelRepo) -> None:
    pointer = repo.read("model.bin.dvc")
    repo.write("data/a", b"111")
    with training(repo, "model.bin"):
        report = engine.run(repo, QUICK)
    assert engine.states(report) == {"model.bin": "in flux", "data": "snapshot"}
    assert report.errors == [], "an editor's `git status` has nothing to say about it"
    assert not report.settled
    assert repo.read("model.bin.dvc") == pointer
    assert engine.states(engine.run(repo, QUICK)) == {"model.bin": "snapshot"}


def test_a_commit_stops_with_a_clear_message(make_repo: MakeRepo) -> None:
    repo = make_repo(files={"model.bin": bytes(30 << 20)})
    head, pointer = repo.head(), repo.read("model.bin.dvc")
    with training(repo, "model.bin"):
        stopped = repo.git("commit", "-m", "torn", status=1)
    assert stopped.err == (
        f"cpv: {repo.path}/model.bin: is being written; fix: wait for the writer to finish, then repeat the command\n"
    )
    assert (repo.head(), repo.read("model.bin.dvc")) == (head, pointer)
    assert not list((repo.path / ".dvc/cache/cpv").iterdir())
    repo.git("commit", "-q", "-m", "whole")
    assert repo.changes() == []


def test_a_log_between_two_lines_is_taken(repo: ModelRepo) -> None:
    """An open file that was quiet for a while is no reason to leave it out of `git status`."""
    with (repo.path / "model.bin").open("ab") as stream:
        stream.write(b"x")
        stream.flush()
        past = time.time_ns() - 60 * 10**9
        os.utime(repo.path / "model.bin", ns=(past, past))
        assert engine.states(engine.run(repo, QUICK)) == {"model.bin": "snapshot"}


# The budget of a background query


def test_a_query_over_its_budget_says_what_was_not_looked_at(repo: ModelRepo) -> None:
    repo.write("model.bin", bytes(2000))
    repo.write("data/a", b"111")
    report = engine.run(repo, QUICK._replace(budget=1000))
    assert engine.states(report) == {"model.bin": "over budget", "data": "snapshot"}
    assert [str(error) for error in report.errors] == [
        "model.bin: skipped: 2.0 kB to hash exceed hash_budget (1.0 kB); "
        "fix: dvc cpv sync, or raise hash_budget in [status] of .cpv.toml"
    ]
    assert engine.states(engine.run(repo, PRE_COMMIT)) == {"model.bin": "snapshot"}


def test_only_what_changed_counts_against_the_budget(repo: ModelRepo) -> None:
    repo.write("data/large", bytes(5000))
    engine.run(repo, QUERY)
    repo.write("data/a", b"111")
    assert engine.states(engine.run(repo, QUICK._replace(budget=100))) == {"data": "snapshot"}


def test_git_status_has_the_budget_and_git_commit_has_not(make_repo: MakeRepo) -> None:
    settings = "[cpv]\nteam = 'vision'\n[status]\nhash_budget = 1000\n"
    repo = make_repo(settings=settings, files={"model.bin": b"one"})
    repo.write("model.bin", bytes(2000))
    status = repo.git("status", "--porcelain")
    assert status.out == ""
    assert status.err.startswith("cpv: warning: model.bin: skipped: 2.0 kB to hash exceed")
    assert len(status.err.splitlines()) == 1
    repo.git("commit", "-q", "-m", "large")
    assert repo.git("diff", "--name-only", "HEAD^", "HEAD").lines == ["model.bin.dvc"]
    assert repo.git("status", "--porcelain").text == ""


def test_an_artifact_that_is_a_link_inside_the_repository(repo: ModelRepo) -> None:
    (repo.path / "model.bin").unlink()
    repo.write("runs/7/model.bin", b"seven")
    (repo.path / "model.bin").symlink_to("runs/7/model.bin")
    assert engine.states(engine.run(repo, QUERY)) == {"model.bin": "snapshot"}
    assert engine.pointer(repo, "model.bin").oid == repo.md5("runs/7/model.bin")
    assert Path(repo.path / "model.bin").is_symlink()
