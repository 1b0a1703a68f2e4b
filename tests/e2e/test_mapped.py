"""A second write through a mapping, to a page that is dirty already, changes no time; nothing of it is lost."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import MakeRepo

from support.mounts import disk
from support.repos import ModelRepo

SIZES = {"small": 8192, "large": 20 << 20}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A disk whose file system keeps times as disks do: the tests' own folder may be in memory."""
    with disk(tmp_path / "disk", "256m") as found:
        yield found


@pytest.mark.compatibility(
    "Platforms", "files that are written through `mmap`", limit="on tmpfs and network disks, `touch` the file"
)
@pytest.mark.parametrize("name", ["model.bin", "data/a"])
@pytest.mark.parametrize("size", SIZES)
def test_a_write_after_a_commit_is_seen_and_kept(make_repo: MakeRepo, place: Path, name: str, size: str) -> None:
    repo: ModelRepo = make_repo(str(place / "repo"), files={name: bytes(SIZES[size])})
    with (repo.path / name).open("r+b") as stream, mmap.mmap(stream.fileno(), 0) as data:
        for at in (0, len(data) - 1):
            data[at] = 1
        repo.commit("second")
        for at in (0, len(data) - 1):
            data[at] = 2
    assert repo.changes() == [f" M {name.split('/')[0]}.dvc"]
    repo.git("checkout", "-q", "-f", "HEAD^")
    assert set(repo.read(name)) == {0}
    number = repo.cpv("rescue", "list").out.split("\t")[0]
    repo.cpv("rescue", "restore", number)
    written = repo.read(name)
    assert (written[0], written[-1]) == (2, 2)
