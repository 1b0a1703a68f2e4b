"""A disk that fails in the middle of an operation: full, out of inodes, read-only, or with errors; then it works again,
and everybody goes on as normal.

`CPV_DISK_RUNS` sets how often each operation meets each of them (the long form: 50).
"""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e.conftest import Tell
from e2e.kills import OPERATIONS, World, counted
from support.killed import DRIVER
from support.mounts import fill, read_only, small_disk, use_up

RUNS = int(os.environ.get("CPV_DISK_RUNS", "0"))
pytestmark = [pytest.mark.timeout(300 + 300 * RUNS), pytest.mark.real_hooks]
WRITES = "write,pwrite64,fsync,fdatasync,rename,ftruncate,link,mkdir,unlink"
MOST_BYTES = 60_000
"""More than that left on the disk is enough for every operation."""
MOST_FILES = 60
MOST_CALLS = 150


@contextmanager
def full(disk: Path, chance: random.Random) -> Iterator[tuple[str, ...]]:
    ballast = fill(disk, leave=chance.randrange(MOST_BYTES))
    yield ()
    ballast.unlink()


@contextmanager
def without_inodes(disk: Path, chance: random.Random) -> Iterator[tuple[str, ...]]:
    ballast = use_up(disk, leave=chance.randrange(MOST_FILES))
    yield ()
    shutil.rmtree(ballast)


@contextmanager
def protected(disk: Path, chance: random.Random) -> Iterator[tuple[str, ...]]:
    places = [".git", ".dvc/cache", ".", ".git/refs", ".git/cpv", "data"]
    there = [disk / "story/repo" / place for place in places if (disk / "story/repo" / place).exists()]
    with read_only(chance.choice(there)):
        yield ()


@contextmanager
def with_errors(_: Path, chance: random.Random) -> Iterator[tuple[str, ...]]:
    """One call in each process fails with EIO, or each one from there on."""
    first = f"{chance.randrange(1, MOST_CALLS)}{chance.choice(['', '+'])}"
    yield ("strace", "-f", "-qq", "-o", os.devnull, "-e", f"inject={WRITES}:error=EIO:when={first}")


KINDS = {"full": full, "out of inodes": without_inodes, "read-only": protected, "input/output errors": with_errors}


@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_fails(tell: Tell, tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(kind)
    operations = OPERATIONS * RUNS if RUNS else [chance.choice(OPERATIONS)]
    with counted(f"disk {kind}", capfd, of="failing disks") as figures:
        for number, operation in enumerate(operations):
            with small_disk(tmp_path / f"disk-{number}", "200m", inodes=30_000) as disk:
                story = tell(chance.choice(["live", "shims"]), name=f"{disk.name}/story")
                world = World(story, operation)
                with KINDS[kind](disk, chance) as prefix:
                    story.run(*prefix, sys.executable, "-c", DRIVER, "", operation.call, status=None)
                world.go_on(figures, chance)
