"""Stat signatures, the file system's clock, walking a directory as DVC does, and files that are being written."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cpv_hooks.errors import CPVError
from cpv_hooks.system.atomic_files import TEMPORARY
from cpv_hooks.system.open_files import being_written
from cpv_hooks.system.signatures import Clock, FolderListing, list_directory, newest_time, signature
from support.shell import Shell


def everything(folder: str, folders: list[str], files: list[str]) -> tuple[list[str], list[str]]:
    return folders, files


def test_a_signature_sees_what_a_forged_time_hides(shell: Shell) -> None:
    path = shell.write("a", b"one")
    before = path.stat()
    shell.write("b", b"two")
    shell.run("touch", "-r", "a", "b")
    shell.run("cp", "-p", "b", "a")
    after = path.stat()
    assert (before.st_size, before.st_mtime_ns, before.st_ino) == (after.st_size, after.st_mtime_ns, after.st_ino)
    assert signature(before) != signature(after)


def test_a_signature_sees_another_file_moved_over(shell: Shell) -> None:
    path = shell.write("a", b"one")
    before = signature(path.stat())
    shell.write("b", b"two")
    os.utime(shell.path / "b", ns=(before[1], before[1]))
    shell.run("mv", "b", "a")
    assert signature(path.stat())[3] != before[3]


def test_the_clock_is_that_of_the_file_system(tmp_path: Path) -> None:
    clock = Clock(tmp_path / "state" / "clock")
    first = clock.now()
    path = tmp_path / "a"
    path.write_bytes(b"1")
    assert first <= path.stat().st_mtime_ns <= clock.now()


def test_past_a_moment_nothing_can_be_written_in_its_tick(tmp_path: Path) -> None:
    clock = Clock(tmp_path / "clock")
    path = tmp_path / "a"
    for _ in range(20):
        path.write_bytes(b"1")
        moment = newest_time(signature(path.stat()))
        assert clock.past(moment) > moment
        path.write_bytes(b"2")
        assert newest_time(signature(path.stat())) > moment


def test_a_time_in_the_future_is_not_waited_for(tmp_path: Path) -> None:
    clock = Clock(tmp_path / "clock")
    future = clock.now() + 10**15
    assert clock.past(future) < future


def test_a_listing_has_the_files_that_dvc_takes(shell: Shell) -> None:
    shell.git("init", "-q")
    shell.dvc("init", "-q")
    for name in ["data/b", "data/a/x", "data/a-b", "data/a b", "data/.hidden", "data/sub/deep/er", "data/ü"]:
        shell.write(name, name)
    (shell.path / "data/empty").mkdir()
    (shell.path / "data/link").symlink_to("b")
    (shell.path / "data/folder-link").symlink_to("sub")
    listing = list_directory(shell.path / "data", everything)
    shell.dvc("add", "-q", "data")
    theirs = [line for line in shell.dvc("list", "-R", "--dvc-only", ".", "data").lines if line]
    assert list(listing.names) == sorted(listing.names)
    assert sorted(listing.names) == sorted(theirs)
    assert "link" in listing.names
    assert listing.size == sum(len((shell.path / "data" / name).read_bytes()) for name in listing.names)
    position = list(listing.names).index("b")
    assert listing.signature(position) == signature((shell.path / "data/b").stat())
    assert listing.newest == max(newest_time(listing.signature(n)) for n in range(len(listing)))


def test_an_empty_directory_has_no_files(tmp_path: Path) -> None:
    listing = list_directory(tmp_path, everything)
    assert (len(listing), listing.size, listing.newest) == (0, 0, 0)
    assert isinstance(listing, FolderListing)


def test_temporary_files_of_ours_are_no_content(tmp_path: Path) -> None:
    (tmp_path / f"x{TEMPORARY}").touch()
    (tmp_path / "x").touch()
    assert list(list_directory(tmp_path, everything).names) == ["x"]


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff")).touch()
    assert list(list_directory(tmp_path, everything).names) == ["\udcff"]


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/lost").symlink_to("gone")
    with pytest.raises(CPVError) as caught:
        list_directory(tmp_path, everything)
    where = f"{tmp_path}/sub/lost"
    assert str(caught.value) == f"{where}: a symbolic link that leads nowhere; fix: rm {where}"


@pytest.mark.parametrize("kind", ["fifo", "socket"])
def test_what_is_not_a_file_is_named_and_never_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "odd"
    if kind == "fifo":
        os.mkfifo(path)
    else:
        import socket

        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
    with pytest.raises(CPVError, match="not a regular file, a folder or a link to a file"):
        list_directory(tmp_path, everything)


def test_files_that_come_and_go_while_we_look(tmp_path: Path) -> None:
    """A training job that rotates its shards: some are there and some are not, and nothing fails."""
    ended = threading.Event()

    def rotate() -> None:
        while not ended.is_set():
            for n in range(50):
                (tmp_path / f"shard-{n}").write_bytes(b"x")
            for n in range(50):
                (tmp_path / f"shard-{n}").unlink()

    writer = threading.Thread(target=rotate)
    writer.start()
    try:
        for _ in range(200):
            assert len(list_directory(tmp_path, everything)) <= 50
    finally:
        ended.set()
        writer.join()


@contextmanager
def writer(path: Path, mode: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a file open."""
    code = "import sys; f = open(sys.argv[1], sys.argv[2]); print('open', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, path, mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin and process.stdout
    assert process.stdout.readline() == "open\n"
    try:
        yield process
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("mode", ["ab", "r+b"])
def test_a_file_that_another_process_has_open_for_writing(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1")
    assert not being_written(path)
    with writer(path, mode):
        assert being_written(path)
    assert not being_written(path)


def test_a_reader_is_no_writer(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1")
    with writer(path, "rb"):
        assert not being_written(path)


def test_looking_never_disturbs_the_writer(tmp_path: Path) -> None:
    """The lease is given back at once: a job that opens its file again and again meets no error and loses no line."""
    path = tmp_path / "log"
    path.touch()
    code = "import sys\nfor n in range(2000):\n    with open(sys.argv[1], 'a') as f: f.write(f'{n}\\n')\n"
    process = subprocess.Popen([sys.executable, "-c", code, path])
    looks = 0
    while process.poll() is None:
        being_written(path)
        looks += 1
    assert process.returncode == 0
    assert looks > 0
    assert path.read_text().splitlines() == [str(n) for n in range(2000)]


def test_a_file_that_is_gone_is_not_being_written(tmp_path: Path) -> None:
    assert not being_written(tmp_path / "gone")
