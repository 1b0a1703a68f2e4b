"""The ground that contestants share: an empty home, one S3 server, repositories, and files of random bytes."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.forms import Form
from bench.measure import run
from support import repos, sandbox, seaweed

CHUNK = 1 << 20
NO_HOOKS = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=")
"""Options of Git's, for a repository with CPV's hooks that are not to run."""
DVC_CONFIG = "[core]\n    analytics = false\n    check_update = false\n"


@dataclass(frozen=True)
class Bench:
    """Where a run takes place. `outside` is the environment in which it was started, for pip alone.

    `against` is an earlier revision to measure beside this one.
    """

    root: Path
    form: Form
    outside: Mapping[str, str]
    against: str | None = None

    @cached_property
    def server(self) -> seaweed.Server:
        """A SeaweedFS of this run, started when it is first asked for; from then on its keys are in the environment."""
        server = seaweed.shared_server(self.root)
        os.environ.update(server.environment())
        return server

    @cached_property
    def skeleton(self) -> Path:
        """An empty repository with DVC, to copy."""
        return repos.skeleton(self.folder("skeletons"))

    def folder(self, name: str) -> Path:
        """An empty folder of this name."""
        path = self.root / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    def has_room(self, megabytes: int) -> bool:
        """Whether the disk has that many MiB, and a tenth of it stays free."""
        disk = shutil.disk_usage(self.root)
        return disk.free - disk.total // 20 > megabytes << 20

    def dvc_repository(self, name: str, **settings: str) -> Path:
        """A repository with DVC and without CPV."""
        path = self.root / name
        shutil.copytree(self.skeleton, path)
        for key, value in settings.items():
            run(path, "dvc", "config", "-q", key.replace("__", "."), value)
        commit(path, "--allow-empty")
        return path

    def cpv_repository(self, name: str, settings: str, bucket: str | None = None) -> Path:
        """A repository with CPV's hooks; its remote is a bucket, or a folder beside it."""
        path = self.root / name
        remote = f"{self.root / name}-storage" if bucket is None else f"s3://{bucket}/{name}"
        text = f'[cpv]\nteam = "bench"\nmodel = "bench"\n{settings}'
        server = None if bucket is None else self.server
        repos.make(path, self.skeleton, remote=remote, server=server, settings=text, real_hooks=True)
        return path

    def drop(self, bucket: str) -> None:
        """Give a bucket's space back."""
        with suppress(Exception):
            self.server.client().delete_bucket(Bucket=bucket)


@contextmanager
def opened(root: Path, form: Form, against: str | None = None) -> Iterator[Bench]:
    """An environment in which nothing of the user's is read or changed; it and the server end with the block."""
    outside = dict(os.environ)
    (root / seaweed.OWNER).write_text(str(os.getpid()))
    inside = sandbox.scrubbed() | sandbox.environment(root)
    os.environ.clear()
    os.environ.update(inside)
    settings = Path(inside["XDG_CONFIG_HOME"], "dvc", "config")
    settings.parent.mkdir(parents=True)
    settings.write_text(DVC_CONFIG)
    try:
        yield Bench(root, form, outside, against)
    finally:
        seaweed.stop(root)
        os.environ.clear()
        os.environ.update(outside)


def fill(path: Path, size: int) -> None:
    """A file of new content, `size` bytes: one random MiB, told apart by a random head of each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    block = os.urandom(min(size, CHUNK))
    with open(path, "wb") as stream:
        for start in range(0, size, CHUNK):
            wanted = min(CHUNK, size - start)
            stream.write((os.urandom(16) + block[16:])[:wanted])


def fill_folder(folder: Path, files: int, size: int = 200) -> None:
    """Files of new content, a thousand to a folder."""
    for number in range(files):
        place = folder / str(number // 1000)
        if number % 1000 == 0:
            place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.bin").write_bytes(os.urandom(size))


def commit(folder: Path, *words: str) -> None:
    """Commit all there is."""
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-qm", "prepared", *words)


def empty_cache(folder: Path) -> None:
    """Remove what DVC's cache holds, so that rounds do not fill the disk."""
    shutil.rmtree(folder / ".dvc/cache/files", ignore_errors=True)


def missing(*tools: str) -> list[str]:
    """Notes on the peers that are not on the PATH."""
    return [f"{tool} is not on the PATH" for tool in tools if shutil.which(tool) is None]


def say(text: str) -> None:
    """A line of progress, apart from the results."""
    print(text, file=sys.stderr, flush=True)
