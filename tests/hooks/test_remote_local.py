from __future__ import annotations

import hashlib
import os
import shutil
import stat
import threading
from pathlib import Path

import pytest

from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.directory_object import dir_object_bytes, dir_oid
from cpv_hooks.errors import CPVError
from cpv_hooks.remote.common.local_remote import LocalRemote
from cpv_hooks.remote.common.protocol import Blob, CorruptObject, MissingObject, RemoteError
from cpv_hooks.system.threads import each

PROGRESS = Progress("testing")


@pytest.fixture
def remote(tmp_path: Path) -> LocalRemote:
    return LocalRemote(tmp_path / "storage")


def blob(folder: Path, data: bytes, *, isdir: bool = False) -> Blob:
    folder.mkdir(exist_ok=True)
    oid = dir_oid(data) if isdir else hashlib.md5(data).hexdigest()
    path = folder / oid
    path.write_bytes(data)
    return Blob(oid, path, len(data))


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.compatibility("Remotes", "a folder")
def test_objects_go_there_and_come_back(remote: LocalRemote, tmp_path: Path) -> None:
    one, two = blob(tmp_path / "in", b"one"), blob(tmp_path / "in", os.urandom(3_000_000))
    empty = blob(tmp_path / "in", b"")
    oids = [one.oid, two.oid, empty.oid]
    assert remote.missing(oids) == set(oids)
    progress, seen = Progress("uploading"), []
    remote.upload([one, two, empty], progress, seen.append)
    assert sorted(item.oid for item in seen) == sorted(oids)
    assert all(Path(remote.address(oid)).is_file() for oid in oids)
    assert progress.done == progress.total == 3_000_003
    assert remote.missing(oids, {item.oid: item.size for item in seen}) == set()
    assert files_in(tmp_path / "storage") == sorted(f"files/md5/{oid[:2]}/{oid[2:]}" for oid in oids)
    assert {stat.S_IMODE(remote.path(oid).stat().st_mode) for oid in oids} == {0o444}
    for item in (one, two, empty):
        to = tmp_path / "out" / item.oid
        remote.download(item.oid, to, PROGRESS)
        assert to.read_bytes() == item.path.read_bytes()
    assert files_in(tmp_path / "out") == sorted(oids)


@pytest.mark.compatibility("Remotes", "a folder")
def test_dvc_finds_what_was_uploaded(make_repo, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    repo = make_repo(install=False, files={"model.bin": b"weights", "data/a": "a", "data/b": "b"})
    remote = LocalRemote(tmp_path / "storage")
    cache = repo.path / ".dvc/cache/files/md5"
    remote.upload([Blob(p.parent.name + p.name, p, p.stat().st_size) for p in cache.glob("??/*")], PROGRESS)
    assert "Everything is up to date" in repo.dvc("push").text
    assert "in sync" in repo.dvc("status", "-c").text
    shutil.rmtree(repo.path / ".dvc/cache")
    repo.dvc("config", "remote.storage.verify", "true")
    repo.dvc("pull", "-f")
    assert repo.read("model.bin") == b"weights"


def test_directory_objects_go_last(remote: LocalRemote, tmp_path: Path) -> None:
    files = [blob(tmp_path / "in", bytes([number])) for number in range(20)]
    listing = blob(tmp_path / "in", dir_object_bytes([(str(n), item.oid) for n, item in enumerate(files)]), isdir=True)
    seen: list[Blob] = []
    remote.upload([listing, *files], PROGRESS, seen.append)
    assert seen[-1] == listing
    assert remote.path(listing.oid).name.endswith(".dir")


def test_a_truncated_object_counts_as_missing_and_is_replaced(remote: LocalRemote, tmp_path: Path) -> None:
    item = blob(tmp_path / "in", b"weights")
    remote.upload([item], PROGRESS)
    os.chmod(remote.path(item.oid), 0o644)
    remote.path(item.oid).write_bytes(b"wei")
    assert remote.missing([item.oid]) == set()
    assert remote.missing([item.oid], {item.oid: 7}) == {item.oid}
    remote.upload([item], PROGRESS)
    assert remote.missing([item.oid], {item.oid: 7}) == set()


def test_a_corrupt_cache_object_is_not_uploaded(remote: LocalRemote, tmp_path: Path) -> None:
    item = blob(tmp_path / "in", b"weights")
    item.path.write_bytes(b"weighty")
    with pytest.raises(CorruptObject) as caught:
        remote.upload([item], PROGRESS)
    assert str(caught.value).startswith(
        f"{item.path}: object {item.oid} is corrupt: its content does not have that hash"
    )
    assert files_in(tmp_path / "storage") == []


def test_a_corrupt_object_is_not_installed(remote: LocalRemote, tmp_path: Path) -> None:
    item = blob(tmp_path / "in", b"weights")
    remote.upload([item], PROGRESS)
    os.chmod(remote.path(item.oid), 0o644)
    remote.path(item.oid).write_bytes(b"weighty")
    with pytest.raises(CorruptObject) as caught:
        remote.download(item.oid, tmp_path / "out" / "x", PROGRESS)
    assert str(caught.value).startswith(f"{remote.path(item.oid)}: object {item.oid} is corrupt")
    assert files_in(tmp_path / "out") == []


def test_an_object_that_is_not_there(remote: LocalRemote, tmp_path: Path) -> None:
    oid = "0" * 32
    with pytest.raises(MissingObject, match=f"object {oid} is not on the remote"):
        remote.download(oid, tmp_path / "x", PROGRESS)


def test_a_file_where_the_directory_should_be(tmp_path: Path) -> None:
    (tmp_path / "storage").write_text("a file")
    remote = LocalRemote(tmp_path / "storage")
    with pytest.raises(RemoteError, match="there is a file where the remote's directory should be"):
        remote.check()
    assert remote.missing(["0" * 32]) == {"0" * 32}
    with pytest.raises(RemoteError, match=r"remote .*: there is a file where a folder should be; fix: "):
        remote.upload([blob(tmp_path / "in", b"one")], PROGRESS)


def test_check_lets_a_directory_be_made_later(remote: LocalRemote, tmp_path: Path) -> None:
    remote.check()
    assert not (tmp_path / "storage").exists()


def test_legacy_objects_lie_without_the_new_folders(tmp_path: Path) -> None:
    remote = LocalRemote(tmp_path / "storage", legacy=True)
    text = b"line\r\n"
    item = Blob(hashlib.md5(b"line\n").hexdigest(), tmp_path / "text", len(text))
    item.path.write_bytes(text)
    remote.upload([item], PROGRESS)
    assert files_in(tmp_path / "storage") == [f"{item.oid[:2]}/{item.oid[2:]}"]
    remote.download(item.oid, tmp_path / "out", PROGRESS)
    assert (tmp_path / "out").read_bytes() == text


def test_threads_stop_at_the_first_error() -> None:
    done: list[int] = []
    lock = threading.Lock()

    def work(number: int) -> None:
        if number == 3:
            raise CPVError("three")
        with lock:
            done.append(number)

    with pytest.raises(CPVError, match="three"):
        each(work, range(100_000), 4)
    assert len(done) < 100_000
    each(work, [1, 2], 1)
