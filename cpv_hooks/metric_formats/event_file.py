"""The scalars in a TensorBoard event file, as TensorFlow, PyTorch, Keras, JAX and Lightning write them.

A sequence of records (https://www.tensorflow.org/tutorials/load_data/tfrecord), each a message `Event` of
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/util/event.proto. Events are small and there may be
a million, so they are taken apart as bytes, not as `model_formats.protobuf` does it; images and graphs are jumped over.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from cpv_hooks.metric_formats.series import Collector

MAX_EVENTS = 1_000_000
_MAX_RECORD = 1 << 20
"""Bytes of an event that is looked into: one with scalars is much smaller."""
_VERSION = b"brain.Event:"
# Of https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/framework/types.proto: float, double, integers
_FORMS = {1: "<f", 2: "<d", 3: "<i", 9: "<q"}
# and the fields of tensor.proto that have values of a type
_TYPED = {5: "<f", 6: "<d"}
_INTEGERS = frozenset((7, 10))
Value = int | bytes


class _Damaged(Exception):
    """It goes on with something else than events."""


def read_events(path: Path, collector: Collector, last: int | None = None) -> None:
    """The scalars of a file, up to where it ends or is damaged, as TensorBoard reads it; only the `last` events'."""
    with path.open("rb") as stream:
        events: Iterable[bytes] = islice(_records(stream, path.stat().st_size, quick=last is not None), MAX_EVENTS)
        if last is not None:
            events = deque(events, last)
        try:
            for data in events:
                _event(data, collector)
        except _Damaged:
            return


def is_event_file(path: Path) -> bool:
    with path.open("rb") as stream:
        return _VERSION in next(_records(stream, path.stat().st_size), b"")


def _records(stream: BinaryIO, size: int, *, quick: bool = False) -> Iterator[bytes]:
    """Up to where one's length does not fit its checksum; quickly, only that of the first is compared."""
    at, is_checked = 0, True
    while at + 12 <= size:
        head = stream.read(12)
        length, check = struct.unpack("<QI", head)
        at += 16 + length
        if at > size or (is_checked and _masked_crc(head[:8]) != check):
            return
        is_checked = not quick
        if length <= _MAX_RECORD:
            yield stream.read(length + 4)[:-4]
        else:
            stream.seek(at)


def _event(data: bytes, collector: Collector) -> None:
    step, summaries = 0, list[bytes]()
    for number, value in _fields(data):
        if number == 2 and isinstance(value, int):
            step = _signed(value)
        elif number == 5 and isinstance(value, bytes):
            summaries.append(value)
    for summary in summaries:
        for number, value in _fields(summary):
            if number == 1 and isinstance(value, bytes):
                _value(value, step, collector)


def _value(data: bytes, step: int, collector: Collector) -> None:
    tag, found = "", None
    for number, value in _fields(data):
        if isinstance(value, bytes):
            if number == 1:
                tag = value.decode("utf-8", "replace")
            elif number == 2 and len(value) == 4:
                found = float(struct.unpack("<f", value)[0])
            elif number == 8:
                found = _scalar(value)
    if found is not None:
        collector.point(tag, "step", step, found)


def _scalar(tensor: bytes) -> float | None:
    """A tensor of one number; None for any other. The number is in its bytes, or in the field of its type."""
    form, numbers = None, list[float]()
    for number, value in _fields(tensor):
        if number == 1 and isinstance(value, int):
            form = _FORMS.get(value)
        elif number == 2 and value:
            return None  # it has dimensions
        elif number == 4 and form and isinstance(value, bytes):
            numbers += _unpacked(form, value)
        elif number in _TYPED and isinstance(value, bytes):
            numbers += _unpacked(_TYPED[number], value)
        elif number in _INTEGERS:
            numbers += map(float, _integers(value))
    return numbers[0] if form and len(numbers) == 1 else None


def _unpacked(form: str, data: bytes) -> list[float]:
    if len(data) % struct.calcsize(form):
        raise _Damaged
    return [float(one) for (one,) in struct.iter_unpack(form, data)]


def _integers(value: Value) -> list[int]:
    """One, or several packed together."""
    if isinstance(value, int):
        return [_signed(value)]
    found, at = list[int](), 0
    while at < len(value):
        one, at = _varint(value, at)
        found.append(_signed(one))
    return found


def _signed(value: int) -> int:
    return value - (1 << 64 if value >> 63 else 0)


def _fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """The fields of a message: https://protobuf.dev/programming-guides/encoding."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        wire = tag & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        if wire == 2:
            length, at = _varint(data, at)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise _Damaged
        if at + length > end:
            raise _Damaged
        yield tag >> 3, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
    raise _Damaged


def _masked_crc(data: bytes) -> int:
    """CRC-32C, rotated and shifted, as TFRecord has it."""
    table, crc = _table(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@cache
def _table() -> list[int]:
    table = list[int]()
    for number in range(256):
        for _ in range(8):
            number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)
        table.append(number)
    return table
