"""A faulty S3: connections that are dropped, delayed, cut, reset, answered with 500, 503 and 403, or die half-way.

`CPV_FAULT_RUNS` sets the number of seeded runs (the long form: 1000).
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import random
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRepo

from support.faulty import FAULTS, proxied
from support.repos import ModelRepo, remote_settings
from support.seaweed import Server
from support.shell import Shell

pytestmark = pytest.mark.real_hooks

RUNS = int(os.environ.get("CPV_FAULT_RUNS", "3"))


@dataclass
class Figures:
    """What is counted; all but the first three must be 0."""

    commits: int = 0
    pushes: int = 0
    faults: int = 0
    lost: int = 0
    dangling: int = 0
    corrupt: int = 0


def objects_of(shell: Shell, rev: str) -> set[str]:
    """The objects that a commit's pointers name, directory objects opened from the cache."""
    found: set[str] = set()
    for name in ("model.bin.dvc", "data.dvc"):
        text = shell.git("show", f"{rev}:{name}", status=None).out
        oid = next((line.split()[-1] for line in text.splitlines() if "md5:" in line), None)
        if oid is None:
            continue
        found.add(oid)
        if oid.endswith(".dir"):
            listed = (shell.path / f".dvc/cache/files/md5/{oid[:2]}/{oid[2:]}").read_text()
            found |= {part.split('"')[0] for part in listed.split('"md5": "')[1:]}
    return found


def stored(server: Server, place: str, oids: set[str]) -> dict[str, bytes | None]:
    client: Any = server.client()
    bucket, _, prefix = place.partition("/")
    keys = server.keys(bucket, f"{prefix}/")
    return {
        oid: client.get_object(Bucket=bucket, Key=key)["Body"].read()
        if (key := f"{prefix}/files/md5/{oid[:2]}/{oid[2:]}") in keys
        else None
        for oid in oids
    }


def check_published(model: ModelRepo, host: Shell, server: Server, place: str, figures: Figures) -> None:
    """Whatever the Git host has, the bucket has the data of, byte for byte."""
    for rev in host.git("rev-list", "--all").lines:
        for oid, content in stored(server, place, objects_of(model, rev)).items():
            if content is None:
                figures.dangling += 1
            elif hashlib.md5(content).hexdigest() != oid.removesuffix(".dir"):
                figures.corrupt += 1


@pytest.fixture(scope="module")
def bucket(s3_server: Server) -> str:
    """For all runs: the server has room for a few hundred buckets."""
    return s3_server.make_bucket()


@pytest.mark.parametrize("seed", range(RUNS))
def test_a_faulty_server(make_repo: MakeRepo, s3_server: Server, bucket: str, shell: Shell, seed: int) -> None:
    rng, figures, place = random.Random(seed), Figures(), f"{bucket}/{seed}"
    host = Shell(shell.path / "host.git")
    shell.git("init", "-q", "--bare", "host.git")
    rate, faults = rng.choice([0.3, 0.6, 1.0]), rng.choice([FAULTS, FAULTS, ("drop", "reset"), ("die", "truncate")])
    with proxied(s3_server.endpoint_url, seed, rate=rate, faults=faults) as proxy:
        faulty = dataclasses.replace(s3_server, endpoint_url=proxy.endpoint_url)
        model = make_repo(remote=f"s3://{place}", server=faulty)
        model.git("remote", "add", "origin", host.path)
        contents: dict[str, tuple[bytes, bytes]] = {}
        # What `.cpv.toml` names is found by the first commit itself.
        for number in range(rng.choice([1, 2, 3])):
            weights, sample = rng.randbytes(rng.choice([10, 30_000, 9_000_000])), rng.randbytes(2000)
            model.write("model.bin", weights)
            model.write(f"data/{number}", sample)
            model.git("commit", "-q", "-m", f"commit {number}")
            contents[model.head()] = (weights, sample)
            figures.commits += 1
            figures.pushes += model.git("push", "-q", "origin", "main", status=None).status == 0
            check_published(model, host, s3_server, place, figures)
        clone_under_faults(shell, faulty, place, model, figures)
        figures.faults = proxy.done.total()
        # The server is well again.
        proxy.rate = 0.0
        model.cpv("sync")
        model.git("push", "-q", "origin", "main")
        check_published(model, host, s3_server, place, figures)
    for rev, (weights, sample) in contents.items():
        found = stored(s3_server, place, objects_of(model, rev))
        held = set(found.values())
        figures.lost += (weights not in held) + (sample not in held)
        figures.lost += sum(content is None for content in found.values())
    # What a worker of pytest-xdist prints elsewhere is lost.
    print(f"\nseed {seed}: {figures} {dict(proxy.done)}", file=sys.stderr)
    assert (figures.lost, figures.dangling, figures.corrupt) == (0, 0, 0), figures
    model.git("fsck", "--full", "--strict")


def clone_under_faults(shell: Shell, faulty: Server, place: str, model: ModelRepo, figures: Figures) -> None:
    """A second person's artifacts are right or not there, never something else."""
    clone = Shell(shell.path / "clone")
    shell.git("clone", "-q", model.path, "clone")
    clone.write(".dvc/config.local", remote_settings(f"s3://{place}", faulty)[1])
    clone.cpv("install", status=None)
    for name in ("model.bin", *(f"data/{path.name}" for path in (model.path / "data").iterdir())):
        place: Path = clone.path / name
        figures.corrupt += place.exists() and place.read_bytes() != model.read(name)
