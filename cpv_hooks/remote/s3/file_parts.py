"""The parts in which a large file goes to S3, and how they are read: as many in memory as are under way."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any

PART = 16 << 20
_MOST_PARTS = 10_000  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html


def part_size(size: int) -> int:
    """The size of each part but the last, in bytes: the same whenever an object of this size is sent."""
    least = -(-size // _MOST_PARTS)
    return max(PART, -(-least // (1 << 20)) << 20)


def read_parts(path: Path, size: int, free: list[bytearray], whole: Any) -> Iterator[tuple[int, bytearray]]:
    """The parts of a file in order, with their numbers from 1, each in a buffer; `whole`, a digest or None, gets all.

    Who has sent a part puts its buffer into `free`, to be used again.
    """
    with open(path, "rb", buffering=0) as stream:
        for number in itertools.count(1):
            data = free.pop() if free else bytearray(size)
            count = _fill(stream, data)
            if not count:
                return
            del data[count:]
            if whole:
                whole.update(data)
            yield number, data


def _fill(stream: FileIO, buffer: bytearray) -> int:
    """Read until a buffer is full or the file ends; returns the bytes read. An unbuffered read may be short."""
    view, count = memoryview(buffer), 0
    with view:
        while found := stream.readinto(view[count:]):
            count += found
    return count
