"""Many clones of one repository, each with many checkpoints, pushed over SSH at once: every number is given once.

The short form runs here; `CPV_WRITERS=8 CPV_WRITER_COMMITS=50 pytest -n0 -s tests/e2e/test_writers.py` is the long one.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from conftest import REAL_ENVIRONMENT, MakeRepo

from cpv_hooks.accounts.git_host.git_host_setup import plan_git_host
from cpv_hooks.accounts.git_host.git_host_target import GitHostRequest
from support.repos import SETTINGS
from support.seaweed import Server
from support.shell import Result, Shell
from support.ssh_keys import lead_git_home, make_key, ssh_folder
from support.sshd import HOST, SSHServer

pytestmark = pytest.mark.real_hooks

WRITERS = int(REAL_ENVIRONMENT.get("CPV_WRITERS", "3"))
COMMITS = int(REAL_ENVIRONMENT.get("CPV_WRITER_COMMITS", "2"))
LONG = WRITERS * COMMITS > 50
PATIENCE = 40 * WRITERS  # pushes of one checkpoint until a writer gives up
PREFIX = "vision/resnet"


@dataclass
class Figures:
    """What a run printed and counted."""

    pushes: int = 0
    renumbered: int = 0
    behind: int = 0
    other: list[str] = field(default_factory=list)


@dataclass
class World:
    """The bare repository on the host, the bucket, and the clones."""

    host: Shell
    server: Server
    bucket: str
    clones: list[Shell]

    def objects(self) -> dict[str, bytes]:
        """Object name -> bytes of all that is on S3."""
        client = self.server.client()
        keys = self.server.keys(self.bucket, f"{PREFIX}/files/md5/")
        read = {key: client.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys}
        return {"".join(key.split("/")[-2:]): data for key, data in read.items()}


@pytest.fixture
def world(make_repo: MakeRepo, ssh_server: SSHServer, s3_server: Server, monkeypatch: pytest.MonkeyPatch) -> World:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    lead_git_home()
    ssh_server.add_key(make_key(ssh_folder() / "id_ed25519").with_suffix(".pub"))
    plan_git_host(
        GitHostRequest(host=HOST, port=ssh_server.port, host_fingerprint=ssh_server.fingerprint), Path.home()
    ).run()
    host = Shell(ssh_server.make("vision", "resnet"))
    bucket = s3_server.make_bucket()
    first = make_repo("first", remote=f"s3://{bucket}/{PREFIX}", server=s3_server, files={"model.bin": "one"})
    url = ssh_server.url("vision", "resnet")
    first.git("remote", "add", "origin", url)
    first.git("push", "-q", "-u", "origin", "main")
    clones = []
    for number in range(WRITERS):
        first.git("clone", "-q", url, f"../writer-{number}")
        clones.append(Shell(first.path.parent / f"writer-{number}"))
        clones[-1].cpv("install", "-q")
    return World(host, s3_server, bucket, clones)


def write(clone: Shell, number: int) -> None:
    """A new model of this writer's own, and the commit."""
    name = f"{clone.path.name}/model.bin"
    clone.write(name, random.Random(f"{name} {number}").randbytes(3000))
    if number == 0:
        clone.dvc("add", "-q", name)
        clone.git("add", "-A")
    clone.git("commit", "-q", "-m", f"{clone.path.name} {number}")


def publish(clone: Shell, figures: Figures, *options: str) -> None:
    """Push as a person does: pull where somebody else was first, push again where CPV says so."""
    draw = random.Random(str(clone.path))
    for _ in range(PATIENCE):
        pushed: Result = clone.git("push", *options, status=None)
        figures.pushes += 1
        if not pushed.status:
            return
        said = pushed.err
        # Like people, not in step.
        time.sleep(draw.uniform(0, 0.2))
        if "already exists on the remote" in said and "has new commits" not in said:
            figures.renumbered += 1
            continue
        known = ("has new commits", "fetch first", "non-fast-forward", "failed to update ref", "cannot lock ref")
        known += ("incorrect old value", "reference already exists", "atomic")
        if not any(text in said for text in known):
            figures.other.append(said)
        figures.behind += 1
        clone.git("pull", "-q", "--rebase")
    raise AssertionError(f"{clone.path.name} never came through; at last Git said\n{said}")


def work(clone: Shell) -> Figures:
    figures = Figures()
    for number in range(COMMITS):
        write(clone, number)
        publish(clone, figures, "--atomic")
    return figures


def reserve(clone: Shell) -> Figures:
    """The number is asked of the host, by hand, once the commit is there."""
    figures = Figures()
    for number in range(COMMITS):
        write(clone, number)
        publish(clone, figures)
        assert clone.cpv("tag", "--push").out.startswith("v0.")
    return figures


def versions(host: Shell) -> dict[str, str]:
    """Tag -> commit of the model line, in the order of the numbers."""
    lines = host.git(
        "for-each-ref", "--sort=version:refname", "--format=%(refname:strip=2) %(*objectname)", "refs/tags"
    )
    return dict(line.split(" ") for line in lines.lines)


def outs(host: Shell, commit: str) -> Iterator[tuple[str, str]]:
    """Path and object name of each artifact that a commit points to."""
    for path in host.git("ls-tree", "-r", "--name-only", commit).lines:
        if path.endswith(".dvc"):
            yield path, yaml.safe_load(host.git("show", f"{commit}:{path}").out)["outs"][0]["md5"]


def check(world: World, expected: int) -> None:
    """Every checkpoint has one number, in order, and its data is on S3, byte for byte."""
    found = versions(world.host)
    assert list(found) == [f"v0.{number}" for number in range(expected)]
    history = world.host.git("rev-list", "--reverse", "main").lines
    assert len(set(found.values())) == expected, "one commit, one number"
    assert set(found.values()) <= set(history), "none was left behind by a rebase"
    stored = world.objects()
    wrong = [name for name, data in stored.items() if hashlib.md5(data).hexdigest() != name]
    assert wrong == []
    lost = [(tag, path) for tag, commit in found.items() for path, oid in outs(world.host, commit) if oid not in stored]
    assert lost == []
    for shell in (world.host, *world.clones):
        assert shell.git("fsck", "--full", "--strict", "--no-dangling").text.strip() == ""
    newest = {clone.path.name: clone.read(f"{clone.path.name}/model.bin") for clone in world.clones}
    for name, data in newest.items():
        assert stored[dict(outs(world.host, "main"))[f"{name}/model.bin.dvc"]] == data


def tell(world: World, kind: str, done: list[Figures], seconds: float) -> None:
    pushes, lost = sum(item.pushes for item in done), sum(item.renumbered for item in done)
    behind, other = sum(item.behind for item in done), [text for item in done for text in item.other]
    writers, tags = len(world.clones), len(versions(world.host))
    print(f"\n{kind}: {writers} writers, {writers * COMMITS} commits, {tags} tags,", end=" ")
    print(f"{pushes} pushes, {behind} behind, {lost} renumbered, {seconds:.0f} s")
    assert other == []


@pytest.mark.timeout(7200 if LONG else 300)
def test_automatic_numbers_of_many_writers(world: World) -> None:
    started = time.monotonic()
    with ThreadPoolExecutor(WRITERS) as pool:
        done = list(pool.map(work, world.clones))
    check(world, 1 + WRITERS * COMMITS)
    order = world.host.git("rev-list", "--reverse", "--first-parent", "main").lines
    assert list(versions(world.host).values()) == order, "the numbers follow the history"
    tell(world, "automatic", done, time.monotonic() - started)


@pytest.mark.timeout(7200 if LONG else 300)
def test_reserved_numbers_of_many_writers(world: World) -> None:
    first = world.clones[0]
    first.write(".cpv.toml", SETTINGS + "[tags]\non_commit = false\n")
    first.git("commit", "-q", "-am", "Numbers by hand")
    first.git("push", "-q")
    # Each of these takes twice as long, so it is half of them.
    del world.clones[max(2, WRITERS // 2) :]
    for clone in world.clones[1:]:
        clone.git("pull", "-q")
    started = time.monotonic()
    with ThreadPoolExecutor(WRITERS) as pool:
        done = list(pool.map(reserve, world.clones))
    check(world, 1 + len(world.clones) * COMMITS)
    tell(world, "reserved", done, time.monotonic() - started)
