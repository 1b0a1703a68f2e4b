"""A model repository with as many versions as one likes, as CPV's hooks would have made them, in a second."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy

BEGAN = 1_767_225_600
HOUR = 3600
SETTINGS = """[cpv]
team = "vision"
model = "resnet"
[artifacts]
model = ["*.safetensors"]
metrics = ["*.log"]
[metrics]
main = "acc"
"""
"""What `.cpv.toml` says in such a repository."""
POINTER = "outs:\n- md5: {oid}\n  size: {size}\n  hash: md5\n  path: {path}\n"


class MadeVersion(NamedTuple):
    """What one version is to be; `artifacts` are files by name, `metrics` what its tag says."""

    artifacts: Mapping[str, bytes]
    metrics: Mapping[str, float]
    params: str
    message: str
    author: str = "Ada Lovelace"


def training(number: int, width: int = 4, steps: int = 40) -> MadeVersion:
    """The version of a training that gets better."""
    acc = 0.97 - 0.5 / (1 + number / 6) + 0.012 * math.sin(number * 1.7)
    loss = 1.4 / (1 + number / 5) + 0.04 * math.cos(number * 2.3)
    rows = [
        {"step": 50 * at, "loss": round(loss + 2 / (1 + at / 4), 4), "acc": round(acc * at / (at + 9 - 8 * acc), 4)}
        for at in range(steps)
    ]
    rate, batch = 0.1 / (1 + number // 4), 32 * (1 + number % 3)
    return MadeVersion(
        {
            "model.safetensors": _model(number, width),
            "metrics.log": "".join(f"{json.dumps(row)}\n" for row in rows).encode(),
        },
        {"acc": round(acc, 4), "loss": round(loss, 4), "f1": round(acc - 0.02, 4), "seconds": 310.0 + number % 17},
        f"train:\n  lr: {rate:.5f}\n  batch: {batch}\n  epochs: 40\nseed: {number}\n",
        ["train longer", "lower learning rate", "more augmentation", "fix labels of the validation set"][number % 4],
        ["Ada Lovelace", "Grace Hopper", "Alan Turing"][number % 3],
    )


def _model(number: int, width: int) -> bytes:
    """A safetensors file of a small network."""
    wide = 8 * (width + min(number // 12, 3))
    shapes = {"embed.weight": (64, wide), "head.weight": (10, wide), "head.bias": (10,)}
    shapes |= {f"layers.{layer}.{part}.weight": (wide, wide) for layer in range(2) for part in ("attention", "mlp")}
    header: dict[str, object] = {}
    at = 0
    for name, shape in shapes.items():
        size = 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    head = json.dumps(header).encode()
    values = numpy.full(at // 4, float(number), dtype="<f4").tobytes()
    return len(head).to_bytes(8, "little") + head + values


def write(folder: Path, versions: int, made: Callable[[int], MadeVersion] = training, *, began: int = BEGAN) -> None:
    """Versions v0.1 and on, one every nine hours, above the commit at HEAD; the work tree is not touched."""
    cache = folder / ".dvc/cache/files/md5"
    stream = ["feature done"]
    for number in range(1, versions + 1):
        stream.append(_version(number, made(number), began + 9 * HOUR * number, cache))
    stream.append("done\n")
    bare = ["git", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor="]
    subprocess.run([*bare, "fast-import", "--quiet"], cwd=folder, input="\n".join(stream).encode(), check=True)
    subprocess.run([*bare, "pack-refs", "--all"], cwd=folder, check=True)


def _version(number: int, made: MadeVersion, time: int, cache: Path) -> str:
    """A commit and its tag, as `git fast-import` reads them."""
    files = {"params.yaml": made.params}
    lines = []
    for path, content in made.artifacts.items():
        oid = _keep(content, cache)
        files[f"{path}.dvc"] = POINTER.format(oid=oid, size=len(content), path=path)
        lines.append(f"Cpv-Artifact: kind=model hash={oid} size={len(content)} path={json.dumps(path)}")
    lines += [f"Cpv-Metric: {_word(name)}={value}" for name, value in made.metrics.items()]
    who = f"{made.author} <{made.author.split()[0].lower()}@example.com> {time} +0000"
    trailers = "\n".join(["Cpv-Line: model", "Cpv-Automatic: true", *lines])
    message = _data(f"{made.message}\n\n{trailers}\n")
    return "\n".join(
        [
            "commit refs/heads/main",
            f"mark :{number}",
            f"author {who}",
            f"committer {who}",
            _data(made.message),
            *(["from refs/heads/main^0"] if number == 1 else []),
            *(f"M 100644 inline {name}\n{_data(text)}" for name, text in files.items()),
            f"tag v0.{number}\nfrom :{number}\ntagger {who}\n{message}",
        ]
    )


def _word(name: str) -> str:
    return name if name.isidentifier() else json.dumps(name, ensure_ascii=False)


def _keep(content: bytes, cache: Path) -> str:
    oid = hashlib.md5(content).hexdigest()
    place = cache / oid[:2] / oid[2:]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return oid


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}"
