from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import Protocol

import pytest

from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.directory_object import dir_object_bytes, dir_oid
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.pointers_at import pointers_at
from cpv_hooks.project.project import Project
from cpv_hooks.transfer.commits.background_worker import upload_queued
from cpv_hooks.transfer.commits.queued_uploads import deliver_commits, retry_queued
from cpv_hooks.transfer.commits.upload_commits import Published, ensure_uploaded, publish
from cpv_hooks.transfer.commits.upload_locks import start_worker
from cpv_hooks.transfer.objects import store
from cpv_hooks.transfer.objects.fetch_objects import fetch, fetch_pointer
from cpv_hooks.transfer.objects.store import Store
from cpv_hooks.transfer.objects.upload_queue import Queue
from cpv_hooks.worktree.verified_in_cache import LARGE_OBJECT
from support.repos import ModelRepo, object_names
from support.shell import Shell

PROGRESS = Progress("testing")
PIPELINE = """stages:
  s:
    cmd: echo 1 > kept && echo 2 > ours
    outs:
    - ours
    metrics:
    - kept:
        cache: false
"""
FILES = {"model.bin": b"weights", "data/a": "a", "data/sub/b": "b", "metrics.log": "loss=1\n"}


class MakeRepo(Protocol):
    def __call__(self, name: str = "repo", **options: object) -> ModelRepo: ...


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    return make_repo(install=False, files=FILES)


def project_of(repo: Shell, root: str = ".") -> Project:
    return Project.open(Repo.discover(repo.path), repo.path / root)


def remote_objects(repo: Shell) -> set[str]:
    return object_names(repo.path.parent / "storage/files/md5")


def remote_file(repo: Shell, oid: str) -> Path:
    return repo.path.parent / "storage/files/md5" / oid[:2] / oid[2:]


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def cache_file(repo: Shell, oid: str) -> Path:
    return repo.path / ".dvc/cache/files/md5" / oid[:2] / oid[2:]


def oid_of(repo: Shell, path: str) -> str:
    oid = next(item.oid for item in pointers_at(project_of(repo), "HEAD") if item.path == path)
    assert oid is not None
    return oid


def break_remote(repo: Shell) -> None:
    """A file where the remote's folder should be."""
    storage = repo.path.parent / "storage"
    if storage.exists():
        storage.rename(repo.path.parent / "storage-away")
    storage.write_text("in the way")


def mend_remote(repo: Shell) -> None:
    (repo.path.parent / "storage").unlink()
    if (repo.path.parent / "storage-away").exists():
        (repo.path.parent / "storage-away").rename(repo.path.parent / "storage")


# Commits


def test_pointers_of_a_commit(repo: ModelRepo) -> None:
    project = project_of(repo)
    found = {item.path: item for item in pointers_at(project, "HEAD")}
    assert set(found) == {"model.bin", "data", "metrics.log"}
    assert found["model.bin"].oid == repo.md5("model.bin")
    assert found["data"].nfiles == 2
    repo.write("model.bin.dvc", "not a pointer of HEAD")
    assert {item.path: item for item in pointers_at(project, "HEAD")} == found


def test_nested_roots_keep_their_pointers(make_repo: MakeRepo) -> None:
    repo = make_repo(install=False, files=FILES)
    (repo.path / "inner").mkdir()
    repo.dvc("init", "-q", "--subdir", cwd="inner")
    repo.write("inner/.cpv.toml", "")
    repo.write("inner/big.bin", "big")
    repo.dvc("add", "-q", "big.bin", cwd="inner")
    repo.git("add", "-A")
    repo.commit()
    assert {item.path for item in pointers_at(project_of(repo), "HEAD")} == {"model.bin", "data", "metrics.log"}
    assert {item.path for item in pointers_at(project_of(repo, "inner"), "HEAD")} == {"inner/big.bin"}


def test_a_commit_that_is_not_there(repo: ModelRepo) -> None:
    with pytest.raises(CPVError, match=r"no commit 'v9\.9'"):
        pointers_at(project_of(repo), "v9.9")


def test_a_repository_that_libgit2_does_not_know(repo: ModelRepo) -> None:
    repo.git("config", "core.repositoryFormatVersion", "1")
    repo.git("config", "extensions.partialClone", "origin")
    assert {item.path for item in pointers_at(project_of(repo), repo.head())} == {"model.bin", "data", "metrics.log"}


def test_commits_of_an_alternate(repo: ModelRepo, tmp_path: Path) -> None:
    repo.git("clone", "-q", "--shared", repo.path, tmp_path / "clone")
    repo.git("gc", "-q")
    found = pointers_at(project_of(Shell(tmp_path / "clone")), "origin/main")
    assert {item.path for item in found} == {"model.bin", "data", "metrics.log"}


def test_a_pointer_that_cannot_be_read_is_named(repo: ModelRepo) -> None:
    repo.write("model.bin.dvc", "outs: [")
    repo.git("commit", "-qam", "broken")
    with pytest.raises(CPVError, match=r"model\.bin\.dvc:\d+: not YAML"):
        pointers_at(project_of(repo), "HEAD")


# Publishing


def test_publishing_uploads_what_a_commit_points_to(repo: ModelRepo) -> None:
    project = project_of(repo)
    done = publish(project, ["HEAD"], PROGRESS)
    assert remote_objects(repo) == repo.objects()
    size = sum(path.stat().st_size for path in (repo.path / ".dvc/cache/files/md5").glob("??/*"))
    assert done == Published(uploaded=5, bytes=size, present=0)
    assert "in sync" in repo.dvc("status", "-c").text
    assert publish(project, ["HEAD"], PROGRESS) == Published()


def test_old_and_new_commits_together(repo: ModelRepo) -> None:
    first = repo.head()
    repo.write("data/a", "changed")
    repo.track("data")
    second = repo.commit()
    assert publish(project_of(repo), [first, second], PROGRESS).uploaded == 7
    assert remote_objects(repo) == repo.objects()


def test_of_a_directory_only_what_is_new_is_looked_at(repo: ModelRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(300):
        repo.write(f"data/{number:03}", str(number))
    repo.track("data")
    repo.git("commit", "-qm", "many")
    publish(project_of(repo), ["HEAD"], PROGRESS)
    repo.write("data/100", "changed")
    repo.write("data/new", "new")
    repo.track("data")
    repo.git("commit", "-qm", "two of them")
    asked: list[str] = []
    verified = Queue.verified

    def listening(self: Queue, remote: str, oids: Collection[str], *, since: float = 0.0) -> set[str]:
        asked.extend(oids)
        return verified(self, remote, oids, since=since)

    monkeypatch.setattr(Queue, "verified", listening)
    done = publish(project_of(repo), ["HEAD"], PROGRESS)
    assert (done.uploaded, done.missing) == (3, ())
    assert len(asked) < 30
    assert {md5(b"changed"), md5(b"new")} < remote_objects(repo)


def test_an_older_directory_that_the_remote_lost_promises_nothing(repo: ModelRepo) -> None:
    publish(project_of(repo), ["HEAD"], PROGRESS)
    repo.write("data/new", "new")
    repo.track("data")
    repo.git("commit", "-qm", "second")
    shutil.rmtree(repo.path.parent / "storage")
    Queue.of(Repo.discover(repo.path)).path.unlink()
    publish(project_of(repo), ["HEAD"], PROGRESS)
    assert {md5(b"a"), md5(b"b"), md5(b"new")} <= remote_objects(repo)


def test_what_was_just_hashed_is_known(make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = make_repo(files={"model.bin": b"x" * LARGE_OBJECT, "data/a": b"small"})
    oid = md5(b"x" * LARGE_OBJECT)
    blob = Store(project_of(repo)).blob(oid)
    assert blob is not None
    assert blob.known
    small = Store(project_of(repo)).blob(md5(b"small"))
    assert small is not None
    assert not small.known, "it is read whole anyway"
    before = blob.path.stat()
    blob.path.chmod(0o644)
    blob.path.write_bytes(b"y" * LARGE_OBJECT)
    blob.path.chmod(0o444)
    os.utime(blob.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    damaged = Store(project_of(repo)).blob(oid)
    assert damaged is not None
    assert not damaged.known, "who turns back the clock of a file changes another one"
    blob.path.unlink()
    repo.write("model.bin", b"z" * LARGE_OBJECT)
    repo.git("commit", "-qam", "second")
    monkeypatch.setattr(store, "KNOWN_SECONDS", -1.0)
    old = Store(project_of(repo)).blob(md5(b"z" * LARGE_OBJECT))
    assert old is not None
    assert not old.known, "a disk that rots does not tell"


def test_a_long_history_goes_in_batches(repo: ModelRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cpv_hooks.transfer.objects.upload_objects._FILES_AT_ONCE", 2)
    revs = [repo.head()]
    for number in range(3):
        repo.write(f"data/{number}", f"{number}")
        repo.track("data")
        revs.append(repo.commit())
    assert publish(project_of(repo), revs, PROGRESS).uploaded == len(repo.objects())
    assert remote_objects(repo) == repo.objects()


def test_what_is_there_already_is_recorded_not_sent(repo: ModelRepo) -> None:
    repo.dvc("push", "-q")
    assert publish(project_of(repo), ["HEAD"], PROGRESS) == Published(present=5)
    # The record is asked from now on, not the remote.
    break_remote(repo)
    assert publish(project_of(repo), ["HEAD"], PROGRESS) == Published()


def test_an_object_truncated_on_the_remote_is_replaced(repo: ModelRepo) -> None:
    repo.dvc("push", "-q")
    path = remote_file(repo, oid_of(repo, "model.bin"))
    os.chmod(path, 0o644)
    path.write_bytes(b"wei")
    assert publish(project_of(repo), ["HEAD"], PROGRESS).uploaded == 1
    assert path.read_bytes() == b"weights"


def test_a_lost_file_keeps_its_directory_object_from_the_remote(repo: ModelRepo) -> None:
    oid = repo.md5("data/a")
    cache_file(repo, oid).unlink()
    done = publish(project_of(repo), ["HEAD"], PROGRESS)
    assert [(item.path, item.oid) for item in done.missing] == [("data/a", oid)]
    assert remote_objects(repo) == repo.objects() - {oid_of(repo, "data")}
    # It comes back, and the rest follows.
    repo.dvc("commit", "-q", "-f")
    assert publish(project_of(repo), ["HEAD"], PROGRESS).uploaded == 2
    assert remote_objects(repo) == repo.objects()


def test_a_clone_without_data_publishes_nothing_and_misses_nothing(repo: ModelRepo, tmp_path: Path) -> None:
    repo.dvc("push", "-q")
    clone = clone_of(repo, tmp_path)
    assert ensure_uploaded(project_of(clone), ["HEAD"]) == []
    # What the remote lacks cannot be promised by the directory object alone.
    remote_file(repo, repo.md5("data/a")).unlink()
    other = clone_of(repo, tmp_path, "other")
    assert [item.path for item in ensure_uploaded(project_of(other), ["HEAD"])] == ["data/a"]


def clone_of(repo: Shell, tmp_path: Path, name: str = "clone") -> ModelRepo:
    repo.git("clone", "-q", repo.path, tmp_path / name)
    return ModelRepo(tmp_path / name)


def test_complete_uploads_unless_the_policy_is_never(make_repo: MakeRepo) -> None:
    repo = make_repo(install=False, files=FILES, settings='[push]\nwhen = "never"\n')
    missing = ensure_uploaded(project_of(repo), ["HEAD"])
    assert {item.path for item in missing} == {"model.bin", "metrics.log", "data/a", "data/sub/b"}
    assert remote_objects(repo) == set()
    repo.write(".cpv.toml", "")
    assert ensure_uploaded(project_of(repo), ["HEAD"]) == []
    assert remote_objects(repo) == repo.objects()


def test_a_directory_object_that_neither_side_has(repo: ModelRepo) -> None:
    oid = oid_of(repo, "data")
    cache_file(repo, oid).unlink()
    assert [(item.path, item.oid) for item in ensure_uploaded(project_of(repo), ["HEAD"])] == [("data", oid)]


def test_pointers_that_stay_here(repo: ModelRepo) -> None:
    text = repo.read("model.bin.dvc").decode()
    repo.write("model.bin.dvc", text.rstrip() + "\n  push: false\n")
    repo.git("commit", "-qam", "not to be pushed")
    publish(project_of(repo), ["HEAD"], PROGRESS)
    assert oid_of(repo, "model.bin") not in remote_objects(repo)


def test_an_import_has_its_own_source(repo: ModelRepo, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.txt").write_text("from elsewhere")
    repo.dvc("import-url", "-q", tmp_path / "elsewhere.txt", "imported.txt")
    repo.git("add", "-A")
    repo.commit()
    cache_file(repo, repo.md5("imported.txt")).unlink()
    assert ensure_uploaded(project_of(repo), ["HEAD"]) == []


def test_outputs_of_stages(repo: ModelRepo) -> None:
    repo.write("dvc.yaml", PIPELINE)
    repo.dvc("repro", "-q")
    repo.git("add", "-A")
    repo.commit()
    assert ensure_uploaded(project_of(repo), ["HEAD"]) == []
    assert repo.md5("ours") in remote_objects(repo)
    assert repo.md5("kept") not in remote_objects(repo)


def test_no_remote(make_repo: MakeRepo) -> None:
    repo = make_repo(install=False, remote=None, files=FILES)
    with pytest.raises(CPVError, match="no DVC remote is configured; fix: dvc remote add -d storage URL"):
        publish(project_of(repo), ["HEAD"], PROGRESS)


def test_dvc_2_pointers(repo: ModelRepo) -> None:
    text = b"a text\r\n"
    repo.write("old.txt", text)
    oid = legacy_md5_of(repo.path / "old.txt")
    repo.write(f".dvc/cache/{oid[:2]}/{oid[2:]}", text).chmod(0o444)
    repo.write("old.txt.dvc", f"outs:\n- md5: {oid}\n  size: {len(text)}\n  path: old.txt\n")
    repo.write(".gitignore", repo.read(".gitignore") + b"/old.txt\n")
    repo.git("add", "-A")
    repo.commit()
    assert ensure_uploaded(project_of(repo), ["HEAD"]) == []
    assert (repo.path.parent / "storage" / oid[:2] / oid[2:]).read_bytes() == text
    assert "in sync" in repo.dvc("status", "-c").text
    shutil.rmtree(repo.path / ".dvc/cache")
    (pointer,) = (item for item in pointers_at(project_of(repo), "HEAD") if item.path == "old.txt")
    assert fetch_pointer(project_of(repo), pointer) == set()
    assert repo.read(f".dvc/cache/{oid[:2]}/{oid[2:]}") == text


def legacy_md5_of(path: Path) -> str:
    from cpv_hooks.dvcformat.file_hash import legacy_md5

    return legacy_md5(path)


# Fetching


def everything(repo: Shell) -> list[str]:
    return [item.oid for item in pointers_at(project_of(repo), "HEAD") if item.oid]


def test_fetch_fills_the_cache(repo: ModelRepo) -> None:
    repo.dvc("push", "-q")
    before = repo.objects()
    shutil.rmtree(repo.path / ".dvc/cache")
    assert fetch(project_of(repo), everything(repo), PROGRESS) == set()
    assert repo.objects() == before
    assert all(path.stat().st_mode & 0o777 == 0o444 for path in (repo.path / ".dvc/cache/files/md5").glob("??/*"))
    assert list(repo.path.rglob("*.cpv-tmp")) == []
    shutil.rmtree(repo.path / "data")
    repo.dvc("checkout", "-q")
    assert repo.read("data/sub/b") == b"b"


def test_what_is_in_the_cache_needs_no_remote(repo: ModelRepo) -> None:
    break_remote(repo)
    assert fetch(project_of(repo), everything(repo), PROGRESS) == set()


def test_one_missing_object_does_not_stop_the_others(repo: ModelRepo) -> None:
    repo.dvc("push", "-q")
    lost = repo.md5("data/a")
    remote_file(repo, lost).unlink()
    before = repo.objects()
    shutil.rmtree(repo.path / ".dvc/cache")
    assert fetch(project_of(repo), everything(repo), PROGRESS) == {lost}
    assert repo.objects() == before - {lost}


def test_a_corrupt_object_is_named_and_not_installed(repo: ModelRepo, capsys: pytest.CaptureFixture[str]) -> None:
    repo.dvc("push", "-q")
    oid, listing = repo.md5("data/a"), oid_of(repo, "data")
    for name in (oid, listing):
        os.chmod(remote_file(repo, name), 0o644)
    remote_file(repo, oid).write_bytes(b"x")
    shutil.rmtree(repo.path / ".dvc/cache")
    assert fetch(project_of(repo), everything(repo), PROGRESS) == {oid}
    assert f"object {oid} is corrupt: its content does not have that hash" in capsys.readouterr().err
    remote_file(repo, listing).write_bytes(b"[]")
    shutil.rmtree(repo.path / ".dvc/cache")
    assert fetch(project_of(repo), everything(repo), PROGRESS) == {listing}
    assert repo.objects() == {repo.md5("model.bin"), repo.md5("metrics.log")}


def test_a_hostile_directory_object_never_reaches_the_cache(
    repo: ModelRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    data = json.dumps([{"md5": repo.md5("model.bin"), "relpath": "../../.bashrc"}]).encode()
    oid = dir_oid(data)
    remote_file(repo, oid).parent.mkdir(parents=True)
    remote_file(repo, oid).write_bytes(data)
    assert fetch(project_of(repo), [oid], PROGRESS) == {oid}
    assert f"directory object {oid} is not usable: '../../.bashrc' is not a path inside" in capsys.readouterr().err
    assert not cache_file(repo, oid).exists()


def test_a_damaged_directory_object_in_the_cache_is_fetched_again(repo: ModelRepo) -> None:
    repo.dvc("push", "-q")
    path = cache_file(repo, oid_of(repo, "data"))
    good = path.read_bytes()
    os.chmod(path, 0o644)
    path.write_bytes(dir_object_bytes([]))
    os.chmod(path, 0o444)
    assert fetch(project_of(repo), everything(repo), PROGRESS) == set()
    assert path.read_bytes() == good


def test_an_id_that_is_a_path_is_missing(repo: ModelRepo) -> None:
    assert fetch(project_of(repo), ["../../../etc/passwd"], PROGRESS) == {"../../../etc/passwd"}


def test_a_read_only_cache(repo: ModelRepo) -> None:
    repo.dvc("push", "-q")
    shutil.rmtree(repo.path / ".dvc/cache")
    (repo.path / ".dvc/cache").write_text("no folder")
    with pytest.raises(CPVError, match=r"there is a file where a folder should be; fix: mv \S+/\.dvc/cache to"):
        fetch(project_of(repo), everything(repo), PROGRESS)


# The queue


def test_delivery_now(repo: ModelRepo) -> None:
    project = project_of(repo)
    assert deliver_commits(project, [repo.head()], "commit")
    assert remote_objects(repo) == repo.objects()
    assert Queue.of(project.repo).pending() == []


def test_a_failed_delivery_waits_and_is_tried_again(repo: ModelRepo, capsys: pytest.CaptureFixture[str]) -> None:
    project, commit = project_of(repo), repo.head()
    break_remote(repo)
    assert not deliver_commits(project, [commit], "commit")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"cpv: warning: the data of {commit[:10]} is not uploaded: remote ")
    assert line.endswith("(queued; dvc cpv sync tries again)")
    (item,) = Queue.of(project.repo).pending()
    assert (item.root, item.commit, item.why) == (".", commit, "commit")
    assert item.error is not None and "there is a file where a folder should be" in item.error
    mend_remote(repo)
    retry_queued(project)  # too soon
    assert remote_objects(repo) == set()
    retry_queued(project, force=True)
    assert remote_objects(repo) == repo.objects()
    assert Queue.of(project.repo).pending() == []


def test_a_push_settles_what_was_queued(repo: ModelRepo) -> None:
    project, commit = project_of(repo), repo.head()
    Queue.of(project.repo).add(".", [commit], "commit")
    assert ensure_uploaded(project, [commit]) == []
    assert Queue.of(project.repo).pending() == []


def test_data_that_nobody_has_stays_queued(repo: ModelRepo, capsys: pytest.CaptureFixture[str]) -> None:
    cache_file(repo, repo.md5("data/a")).unlink()
    assert not deliver_commits(project_of(repo), [repo.head()], "commit")
    assert capsys.readouterr().err == (
        f"cpv: warning: the data of {repo.head()[:10]} is not complete: neither the cache nor the remote has data/a\n"
    )
    assert len(Queue.of(Repo.discover(repo.path)).pending()) == 1


def test_a_commit_that_is_gone_leaves_the_queue(repo: ModelRepo) -> None:
    project = project_of(repo)
    Queue.of(project.repo).add(".", ["0" * 40], "commit")
    retry_queued(project)
    assert Queue.of(project.repo).pending() == []


@pytest.mark.parametrize("policy", ["never", "push"])
def test_policies_that_upload_nothing_on_commit(make_repo: MakeRepo, policy: str) -> None:
    repo = make_repo(install=False, files=FILES, settings=f'[push]\nwhen = "{policy}"\n')
    assert deliver_commits(project_of(repo), [repo.head()], "commit")
    assert remote_objects(repo) == set()
    assert Queue.of(Repo.discover(repo.path)).pending() == []


def test_the_background_worker_uploads(make_repo: MakeRepo) -> None:
    import time

    repo = make_repo(install=False, files=FILES, settings='[push]\nwhen = "background"\n')
    repo.write("cpv_hooks/__init__.py", "raise SystemExit('a hostile package')")
    project = project_of(repo)
    assert deliver_commits(project, [repo.head()], "commit")
    start_worker(project)  # a second one does no harm
    deadline = time.monotonic() + 60
    while Queue.of(project.repo).pending() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert remote_objects(repo) == repo.objects()


def test_a_worker_that_fails_ends(repo: ModelRepo) -> None:
    project = project_of(repo)
    Queue.of(project.repo).add(".", [repo.head()], "commit")
    break_remote(repo)
    upload_queued(project)
    (item,) = Queue.of(project.repo).pending()
    assert item.error is not None


def test_work_trees_share_the_queue(repo: ModelRepo, tmp_path: Path) -> None:
    repo.git("worktree", "add", "-q", tmp_path / "other")
    project, other = project_of(repo), project_of(Shell(tmp_path / "other"))
    Queue.of(project.repo).add(".", [repo.head()], "commit")
    assert [item.commit for item in Queue.of(other.repo).pending(".")] == [repo.head()]
    assert {item.path for item in pointers_at(other, "HEAD")} == {"model.bin", "data", "metrics.log"}


def test_what_was_seen_long_ago_is_looked_for_again(repo: ModelRepo) -> None:
    """Somebody may have pruned it, directory object first, as needed by no ref of the Git host."""
    project = project_of(repo)
    publish(project, ["HEAD"], PROGRESS)
    everything = remote_objects(repo)
    assert publish(project, ["HEAD"], PROGRESS).present == 0, "the record is believed"
    folder = next(oid for oid in everything if oid.endswith(".dir"))
    for oid in (folder, repo.md5("data/a"), repo.md5("model.bin")):
        remote_file(repo, oid).unlink()
    assert ensure_uploaded(project, ["HEAD"]) == []
    assert remote_objects(repo) < everything, "still believed"
    with closing(sqlite3.connect(Queue.of(project.repo).path)) as db, db:
        db.execute("update verified set seen = seen - 90000")
    assert ensure_uploaded(project, ["HEAD"]) == []
    assert remote_objects(repo) == everything
    cache_file(repo, repo.md5("model.bin")).unlink()
    remote_file(repo, repo.md5("model.bin")).unlink()
    with closing(sqlite3.connect(Queue.of(project.repo).path)) as db, db:
        db.execute("update verified set seen = seen - 90000")
    assert [item.path for item in ensure_uploaded(project, ["HEAD"])] == ["model.bin"]
