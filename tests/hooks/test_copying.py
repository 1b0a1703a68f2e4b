"""Bytes hashed as they are copied."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from pathlib import Path

import pytest

from cpv_hooks.system.copying import copy_and_hash
from cpv_hooks.system.copying_ahead import CHUNK


@pytest.mark.parametrize("mode", ["wb", "w+b"])
@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, 8 * CHUNK - 1, 8 * CHUNK, 20 * CHUNK + 7])
def test_the_copy_has_the_bytes_and_the_hash(tmp_path: Path, size: int, mode: str) -> None:
    data = os.urandom(size)
    source, target, told = tmp_path / "source", tmp_path / "target", []
    source.write_bytes(data)
    with open(source, "rb", buffering=0) as reader, open(target, mode, buffering=0) as writer:
        assert copy_and_hash(reader, writer, told.append) == (hashlib.md5(data).hexdigest(), size)
    assert target.read_bytes() == data
    assert sum(told) == size


@pytest.mark.parametrize("size", [CHUNK, 40 * CHUNK])
def test_a_disk_that_is_full_stops_the_copy(tmp_path: Path, size: int) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(size))
    with (
        open(source, "rb", buffering=0) as reader,
        open("/dev/full", "wb", buffering=0) as full,
        pytest.raises(OSError) as raised,
    ):
        copy_and_hash(reader, full, lambda count: None)
    assert raised.value.errno == errno.ENOSPC


def test_who_is_stopped_leaves_no_thread(tmp_path: Path) -> None:
    source, threads = tmp_path / "source", threading.active_count()
    source.write_bytes(bytes(40 * CHUNK))

    def stop(count: int) -> None:
        raise KeyboardInterrupt

    with (
        open(source, "rb", buffering=0) as reader,
        open(tmp_path / "target", "wb", buffering=0) as writer,
        pytest.raises(KeyboardInterrupt),
    ):
        copy_and_hash(reader, writer, stop)
    assert threading.active_count() == threads


@pytest.mark.compatibility("Platforms", "file systems without `copy_file_range` or reflinks")
@pytest.mark.parametrize("after", [0, 1, 2])
def test_what_the_kernel_leaves_to_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """As it does between some file systems, from the start or once they are different ones."""
    data, real, calls = os.urandom(40 * CHUNK + 3), os.copy_file_range, []
    (tmp_path / "source").write_bytes(data)

    def refuse(source: int, target: int, count: int) -> int:
        calls.append(count)
        if len(calls) > after:
            raise OSError(errno.EXDEV, "another file system")
        return real(source, target, count)

    monkeypatch.setattr(os, "copy_file_range", refuse)
    with open(tmp_path / "source", "rb", buffering=0) as reader, open(tmp_path / "copy", "w+b", buffering=0) as writer:
        assert copy_and_hash(reader, writer, lambda count: None) == (hashlib.md5(data).hexdigest(), len(data))
    assert (tmp_path / "copy").read_bytes() == data
    assert len(calls) == after + 1


def test_a_disk_that_fails_under_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "source").write_bytes(bytes(40 * CHUNK))

    def fail(*_: int) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "copy_file_range", fail)
    with (
        open(tmp_path / "source", "rb", buffering=0) as reader,
        open(tmp_path / "copy", "w+b", buffering=0) as writer,
        pytest.raises(OSError, match="full"),
    ):
        copy_and_hash(reader, writer, lambda count: None)
