"""DVC's cache: its layout and modes, content that is in place only when it is complete, and disks that refuse."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import pytest

from cpv_hooks.dvcformat.cache import Cache
from cpv_hooks.dvcformat.cached_objects import PROTECTED
from cpv_hooks.dvcformat.file_hash import md5_of
from cpv_hooks.errors import CPVError, disk_error
from support.mounts import read_only, small_disk
from support.shell import Shell


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def leftovers(cache: Cache) -> list[str]:
    folder = cache.folder / "cpv"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_an_object_is_where_dvc_looks_for_it(shell: Shell) -> None:
    shell.git("init", "-q")
    shell.dvc("init", "-q")
    source = shell.write("model.bin", os.urandom(3_000_000))
    ours = Cache(shell.path / "ours")
    oid, size = ours.add_file(source)
    shell.dvc("add", "-q", "model.bin")
    theirs = Cache(shell.path / ".dvc/cache")
    assert (oid, size) == (shell.md5("model.bin"), 3_000_000)
    assert ours.path(oid).relative_to(ours.folder) == theirs.path(oid).relative_to(theirs.folder)
    assert theirs.has(oid)
    assert ours.path(oid).read_bytes() == source.read_bytes()
    assert stat.S_IMODE(ours.path(oid).stat().st_mode) == stat.S_IMODE(theirs.path(oid).stat().st_mode) == PROTECTED


def test_dvc_believes_and_uses_our_objects(shell: Shell) -> None:
    shell.git("init", "-q")
    shell.dvc("init", "-q")
    source = shell.write("model.bin", b"content")
    oid, size = Cache(shell.path / ".dvc/cache").add_file(source)
    shell.write("model.bin.dvc", f"outs:\n- md5: {oid}\n  size: {size}\n  hash: md5\n  path: model.bin\n")
    source.unlink()
    shell.dvc("checkout", "-q")
    assert shell.read("model.bin") == b"content"
    assert "up to date" in shell.dvc("status").out


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 5_000_000])
def test_every_size(cache: Cache, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "a").write_bytes(data)
    seen: list[int] = []
    assert cache.add_file(tmp_path / "a", seen.append) == (md5(data), size)
    assert sum(seen) == size
    assert cache.path(md5(data)).read_bytes() == data
    assert cache.verified(md5(data))
    assert md5_of(tmp_path / "a") == md5(data)
    assert leftovers(cache) == []


def test_the_same_content_twice_is_one_object(cache: Cache, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"same")
    (tmp_path / "b").write_bytes(b"same")
    assert cache.add_file(tmp_path / "a") == cache.add_file(tmp_path / "b") == (md5(b"same"), 4)
    assert [path.name for path in (cache.folder / "files/md5").glob("*/*")] == [md5(b"same")[2:]]
    assert leftovers(cache) == []


def test_an_object_in_the_place_of_dvc_2_counts(cache: Cache) -> None:
    oid = md5(b"old")
    old = cache.folder / oid[:2] / oid[2:]
    old.parent.mkdir(parents=True)
    old.write_bytes(b"old")
    old.chmod(PROTECTED)
    assert cache.find(oid) == old


def test_a_writable_object_is_read_before_it_is_believed(cache: Cache) -> None:
    """DVC leaves objects writable where a file system cannot protect them; someone may have edited one."""
    cache.add_bytes(md5(b"good"), b"good")
    path = cache.path(md5(b"good"))
    path.chmod(0o644)
    assert cache.has(md5(b"good"))
    path.write_bytes(b"evil")
    assert not cache.has(md5(b"good"))
    assert not cache.verified(md5(b"good"))


@pytest.mark.parametrize(("damaged", "mode"), [(b"torn", 0o644), (b"tor", PROTECTED)])
def test_a_corrupt_object_is_replaced_by_its_content(cache: Cache, tmp_path: Path, damaged: bytes, mode: int) -> None:
    """The artifact has just been read and has the hash, so the broken object need not be kept."""
    (tmp_path / "a").write_bytes(b"good")
    oid, _ = cache.add_file(tmp_path / "a")
    path = cache.path(oid)
    path.chmod(0o644)
    path.write_bytes(damaged)
    path.chmod(mode)
    if mode == PROTECTED:
        assert not cache.verified(oid)
    cache.add_file(tmp_path / "a")
    assert cache.verified(oid)


def test_a_folder_or_a_link_in_an_object_s_place_is_no_object(cache: Cache) -> None:
    oid = md5(b"x")
    cache.path(oid).mkdir(parents=True)
    assert cache.find(oid) is None
    cache.path(oid).rmdir()
    cache.path(oid).symlink_to("nowhere")
    assert cache.find(oid) is None


def test_a_source_that_is_gone_says_so_and_leaves_nothing(cache: Cache, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        cache.add_file(tmp_path / "gone")
    assert leftovers(cache) == []


@pytest.mark.compatibility("DVC", "`cache.shared = group`")
def test_a_shared_cache_is_for_the_group(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", shared=True)
    cache.add_bytes(md5(b"x"), b"x")
    folder = cache.path(md5(b"x")).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o2775


def test_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", "1m") as small:
        cache = Cache(small / "cache")
        source = tmp_path / "a"
        source.write_bytes(os.urandom(2_000_000))
        with pytest.raises(CPVError, match="no space left on the disk") as caught:
            cache.add_file(source)
        assert str(cache.folder) in str(caught.value)
        assert "fix: free space" in str(caught.value)
        with pytest.raises(CPVError, match="no space left on the disk"):
            cache.add_bytes("0" * 32 + ".dir", os.urandom(2_000_000))
        assert leftovers(cache) == []
        source.write_bytes(b"small")
        assert cache.verified(cache.add_file(source)[0])


def test_a_read_only_disk(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "a").write_bytes(b"x")
    with read_only(tmp_path / "disk") as disk, pytest.raises(CPVError, match="the file system is read-only") as caught:
        Cache(disk / "cache").add_file(tmp_path / "a")
    assert str(disk / "cache") in str(caught.value)


def test_a_file_where_the_cache_should_be(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"")
    (tmp_path / "a").write_bytes(b"x")
    with pytest.raises(CPVError, match="there is a file where a folder should be"):
        Cache(tmp_path / "cache").add_file(tmp_path / "a")


def test_each_fault_of_a_disk_is_one_line() -> None:
    for number in (28, 122, 30, 13, 1, 5, 20, 36):
        line = str(disk_error(OSError(number, os.strerror(number)), Path("/x")))
        assert line.startswith("/x: ")
        assert "\n" not in line
        assert "Errno" not in line


def test_sync_makes_an_object_durable_and_passes_over_what_is_not_there(cache: Cache) -> None:
    cache.add_bytes(md5(b"x"), b"x")
    cache.sync(md5(b"x"))
    cache.sync("0" * 32)


def test_each_level_of_a_cache_shared_by_a_group_is_the_groups(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"one")
    before = os.umask(0o022)
    try:
        Cache(tmp_path / "new/cache", shared=True).add_file(tmp_path / "one")
    finally:
        os.umask(before)
    made = [path for path in (tmp_path / "new").rglob("*") if path.is_dir()]
    assert len(made) == 5
    assert {oct(path.stat().st_mode & 0o7777) for path in [tmp_path / "new", *made]} == {"0o2775"}


def test_a_small_object_is_read_whole_and_compared(cache: Cache, tmp_path: Path) -> None:
    source = tmp_path / "small"
    source.write_bytes(b"content")
    oid, _ = cache.add_file(source)
    assert cache.small(oid) == b"content"
    cache.path(oid).chmod(0o644)
    cache.path(oid).write_bytes(b"CONTENT")
    assert cache.small(oid) is None


@pytest.mark.parametrize("size", [0, 64 << 10, 3 << 20])
def test_an_empty_object_and_a_large_one_go_the_long_way(cache: Cache, tmp_path: Path, size: int) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(size))
    oid, _ = cache.add_file(source)
    assert cache.small(oid) is None
    assert cache.verified(oid)


def test_what_is_no_file_in_an_objects_place_keeps_nobody_waiting(cache: Cache) -> None:
    place = cache.path(md5(b"content"))
    place.parent.mkdir(parents=True)
    os.mkfifo(place)
    assert cache.small(md5(b"content")) is None
    place.unlink()
    place.mkdir()
    assert cache.small(md5(b"content")) is None
    place.rmdir()
    assert cache.small(md5(b"content")) is None
