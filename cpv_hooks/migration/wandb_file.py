"""An offline run's `run-ID.wandb`: records of Protocol Buffers in LevelDB's log format, behind a header of seven bytes.

https://github.com/google/leveldb/blob/main/doc/log_format.md; field numbers are those of W&B's `wandb_internal.proto`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cpv_hooks.errors import CPVError
from cpv_hooks.metric_formats.log_lines import Metric
from cpv_hooks.metric_formats.metrics import clean
from cpv_hooks.model_formats.protobuf import Message
from cpv_hooks.model_formats.record import UnreadableModel
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.byte_source import BytesSource

_MAGIC, _HEADER, _BLOCK = b":W&B", 7, 32768
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_HISTORY, _ARTIFACT, _RUN = 2, 8, 17
_LONGEST = 1 << 20


class WandbEntry(NamedTuple):
    """A file of an artifact: its path there, where it is staged, its MD5 in Base64; `reference` is one elsewhere."""

    path: str
    staged: str
    digest: str
    reference: str


class WandbArtifact(NamedTuple):
    """A version of an artifact that a run logged; `metrics` are the run's at that time, and those of its metadata."""

    run: str
    project: str
    kind: str
    name: str
    digest: str
    aliases: Sequence[str]
    config: Mapping[str, str]
    metrics: Mapping[str, Metric]
    entries: Sequence[WandbEntry]
    manifest_file: str


def read_wandb_file(path: Path) -> list[WandbArtifact]:
    """The artifacts that a run logged, in order. A file that was cut gives those before the cut.

    Raises `CPVError` for what is no such file.
    """
    with open(path, "rb") as stream:
        data = stream.read()
    if not data.startswith(_MAGIC):
        raise CPVError("is not a file of a W&B run", where=str(path), fix="name wandb/offline-run-…, or wandb")
    try:
        return list(_artifacts(data))
    except UnreadableModel as error:
        raise CPVError(f"cannot be read: {error}", where=str(path), fix="copy it again, or wandb sync it") from error


def _records(data: bytes) -> Iterator[bytes]:
    at, parts = _HEADER, b""
    while at + 7 <= len(data):
        left = _BLOCK - at % _BLOCK
        if left < 7:
            at += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        body = data[at + 7 : at + 7 + length]
        if kind not in (_FULL, _FIRST, _MIDDLE, _LAST) or len(body) < length:
            return
        at += 7 + length
        parts = body if kind in (_FULL, _FIRST) else parts + body
        if kind in (_FULL, _LAST):
            yield parts


def _artifacts(data: bytes) -> Iterator[WandbArtifact]:
    config: dict[str, str] = {}
    metrics: dict[str, Metric] = {}
    for record in _records(data):
        message = Message(BytesSource(record))
        for field in message.fields():
            if field.number == _RUN:
                inner = _inner(message.message(field), 4)
                config |= {key: text for one in inner for key, text in _items(one, 1)}
            elif field.number == _HISTORY:
                metrics |= _numbers(dict(_items(message.message(field), 1)))
            elif field.number == _ARTIFACT:
                yield _artifact(message.message(field), config, dict(metrics))


def _inner(message: Message, number: int) -> list[Message]:
    return [message.message(field) for field in message.fields() if field.number == number]


def _items(message: Message, number: int) -> Iterator[tuple[str, str]]:
    """Keys and values in JSON; W&B's own keys begin with a line."""
    for item in _inner(message, number):
        texts = _texts(item)
        key = ".".join(texts.get(1, []) or texts.get(2, []))
        if key and not key.startswith("_"):
            yield key, "".join(texts.get(16, []))


def _texts(message: Message) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for field in message.fields():
        if field.value is None:
            found.setdefault(field.number, []).append(message.text(field, _LONGEST))
    return found


def _numbers(values: Mapping[str, str]) -> dict[str, Metric]:
    return clean({key: value for key, text in values.items() if isinstance(value := _parsed(text), int | float)})


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _artifact(message: Message, config: Mapping[str, str], metrics: Mapping[str, Metric]) -> WandbArtifact:
    texts = _texts(message)

    def first(number: int) -> str:
        return next(iter(texts.get(number, [])), "")

    metadata = _parsed(first(8) or "{}")
    own = {str(key): value for key, value in metadata.items()} if isinstance(metadata, dict) else {}
    numbers = clean({key: value for key, value in own.items() if isinstance(value, int | float)})
    manifests = _inner(message, 12)
    entries = [_entry(one) for manifest in manifests for one in _inner(manifest, 4)]
    file = next((text for manifest in manifests for text in _texts(manifest).get(5, [])), "")
    return WandbArtifact(
        first(1), first(2), first(4), first(5), first(6), texts.get(11, []), dict(config), {**metrics, **numbers},
        entries, file,
    )  # fmt: skip


def _entry(message: Message) -> WandbEntry:
    texts = {number: found[0] for number, found in _texts(message).items()}
    return WandbEntry(texts.get(1, ""), texts.get(6, ""), texts.get(2, ""), texts.get(3, ""))
