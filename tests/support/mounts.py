"""Real disks that refuse: a small one that fills up, and one that is read-only. Both need root, as CI has it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def small_disk(place: Path, size: str, inodes: int = 0) -> Iterator[Path]:
    """A file system of its own, `size` (`1m`) large, at `place`, with room for so many files (0: any number)."""
    place.mkdir(parents=True, exist_ok=True)
    _run("mount", "-t", "tmpfs", "-o", f"size={size},nr_inodes={inodes}", "cpv-test", place)
    try:
        yield place
    finally:
        _run("umount", "--lazy", place)


@contextmanager
def disk(place: Path, size: str) -> Iterator[Path]:
    """An ext4 of its own, in a file beside its place."""
    image = place.with_name(f"{place.name}.img")
    place.mkdir(parents=True, exist_ok=True)
    _run("truncate", "-s", size, image)
    _run("mkfs.ext4", "-q", "-F", image)
    _run("mount", "-o", "loop", image, place)
    try:
        yield place
    finally:
        _run("umount", "--lazy", place)
        image.unlink()


@contextmanager
def read_only(place: Path) -> Iterator[Path]:
    """A folder that nobody, not even root, can write to."""
    with bound(place):
        _run("mount", "-o", "remount,ro,bind", place)
        yield place


@contextmanager
def bound(place: Path) -> Iterator[Path]:
    """A folder that is mounted in its own place, as a container has those it is lent."""
    _run("mount", "--bind", place, place)
    try:
        yield place
    finally:
        _run("umount", "--lazy", place)


@contextmanager
def overlay(lower: Path, place: Path) -> Iterator[Path]:
    """What a container sees of a folder of its image: what it changes goes into a layer of its own."""
    upper, work = place.with_name(f"{place.name}-upper"), place.with_name(f"{place.name}-work")
    for folder in (place, upper, work):
        folder.mkdir()
    _run("mount", "-t", "overlay", "-o", f"lowerdir={lower},upperdir={upper},workdir={work}", "cpv-test", place)
    try:
        yield place
    finally:
        _run("umount", "--lazy", place)


@contextmanager
def odd(folder: Path, place: Path, *words: str) -> Iterator[Path]:
    """A folder seen through a file system of another kind; `odd_disk` has the words."""
    folder.mkdir(parents=True, exist_ok=True)
    place.mkdir(parents=True, exist_ok=True)
    device = place.stat().st_dev
    command = [sys.executable, str(Path(__file__).with_name("odd_disk.py")), str(folder), str(place), *words]
    log = place.with_name(f"{place.name}.log")
    environment = {**os.environ, "FUSE_LIBRARY_NAME": "fuse3"}
    with log.open("wb") as said, subprocess.Popen(command, stdout=said, stderr=said, env=environment) as server:
        while place.stat().st_dev == device:
            assert server.poll() is None, log.read_text()
            time.sleep(0.01)
        try:
            yield place
        finally:
            _run("umount", "--lazy", place)
    assert log.read_text() == ""


def fill(disk: Path, leave: int) -> Path:
    """Fill a small disk up to `leave` bytes; returns the file that takes the room."""
    status = os.statvfs(disk)
    ballast = disk / "ballast"
    with ballast.open("wb") as stream:
        stream.write(bytes(max(0, status.f_bavail * status.f_frsize - leave)))
    return ballast


def use_up(disk: Path, leave: int) -> Path:
    """Take a small disk's inodes but for `leave`; returns the folder of the empty files that have them."""
    ballast = disk / "ballast"
    ballast.mkdir()
    for number in range(os.statvfs(disk).f_favail - leave):
        (ballast / str(number)).touch()
    return ballast


def _run(*command: str | Path) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stderr.strip()}"
