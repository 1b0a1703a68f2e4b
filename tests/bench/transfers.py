"""Uploads and fetches of the same cache objects, on one SeaweedFS.

Every contestant sends them to a place of its own and brings them back into an empty folder, each in a process of its
own with its start. A place is a remote that is in use: an object lies there, and CPV has asked for one before. CPV and
DVC hash every byte that they receive and compare it with the name of the object; s5cmd and the AWS Common Runtime
compare nothing, so one more contestant is s5cmd with a look at the bytes by md5sum.

Nothing that was brought is removed before the run ends: ext4 passes over inodes that were freed in the last minutes,
one by one, and whoever came next would pay for it.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from bench.bench import Bench, commit, fill
from bench.engine import FETCH, LOOK, PUBLISH
from bench.far import far_server
from bench.measure import Contest, Contestant, Row, Target, run, settle
from support.repos import remote_settings
from support.seaweed import Server

NEVER = '[artifacts]\ndata = ["data"]\n[push]\nwhen = "never"\n'
CRT = (sys.executable, str(Path(__file__).with_name("crt.py")))
SMALL_BYTES = 2048
MIDDLE_BYTES = 3 << 20
MIDDLE_FILES = 20
ROUND_TRIP = 0.03


def rows(bench: Bench) -> Iterator[Row]:
    """Upload and fetch of one large file, many small ones, and a mix."""
    for name, (title, workload) in _workloads(bench).items():
        field = Field(bench, f"transfers-{name}", workload, bench.server)
        yield from (contest.run() for contest in field.contests(title))
        bench.drop(field.bucket)
        field.spend(field.cache)


def far(bench: Bench) -> Iterator[Row]:
    """The same for one large file and many small ones, over TLS to a server that is a long way off."""
    with far_server(bench.folder("far"), ROUND_TRIP) as server:
        for name in ("large", "small"):
            title, workload = _workloads(bench)[name]
            field = Field(bench, f"far-{name}", workload, server)
            # DVC would take longer than all others together.
            yield from (
                contest.run()
                for contest in field.contests(f"{title}, TLS, {ROUND_TRIP * 1000:g} ms away", without=("dvc",))
            )
            field.spend(field.cache)


def _workloads(bench: Bench) -> dict[str, tuple[str, Mapping[str, int]]]:
    form = bench.form
    small = {f"{number}.bin": SMALL_BYTES for number in range(form.small_files)}
    few = dict(list(small.items())[: form.small_files // 2])
    middle = {f"middle-{number}.bin": MIDDLE_BYTES for number in range(min(MIDDLE_FILES, len(few)))}
    half = {"large.bin": form.large_mb << 19}
    return {
        "large": (f"one file of {form.large_mb} MiB", {"large.bin": form.large_mb << 20}),
        "small": (f"{len(small)} files of 2 KiB", small),
        "mix": (f"{len(few)} of 2 KiB, {len(middle)} of 3 MiB, one of {form.large_mb / 2:g} MiB", few | middle | half),
    }


class Field:
    """A repository with the files of one workload in its cache, and a bucket."""

    def __init__(self, bench: Bench, name: str, workload: Mapping[str, int], server: Server) -> None:
        self.bench = bench
        self.server = server
        self.bucket = server.make_bucket()
        self.folder = bench.cpv_repository(name, NEVER)
        self.cache = self.folder / ".dvc/cache/files/md5"
        self.kept = self.folder.with_name(f"{name}-kept")
        self.spent = bench.folder(f"{name}-spent")
        for file, size in workload.items():
            fill(self.folder / "data" / file, size)
        commit(self.folder)
        self.spend(self.folder / "data")
        self.bytes = self.size()

    def size(self) -> int:
        """The bytes in the cache."""
        return sum(path.stat().st_size for path in self.cache.rglob("*") if path.is_file())

    def spend(self, folder: Path) -> None:
        """Put a folder out of the way, and give the space of its large files back."""
        to = self.spent / str(len(list(self.spent.iterdir())))
        folder.rename(to)
        for path in to.rglob("*"):
            if path.is_file() and path.stat().st_size > MIDDLE_BYTES:
                path.chmod(0o600)
                os.truncate(path, 0)

    def point(self, place: str) -> None:
        """Let the remote be this place of the bucket."""
        public, secret = remote_settings(f"s3://{self.bucket}/{place}", self.server)
        (self.folder / ".dvc/config").write_text(public)
        (self.folder / ".dvc/config.local").write_text(secret)

    def contests(self, title: str, without: tuple[str, ...] = ()) -> Iterator[Contest]:
        """Upload, then fetch what was uploaded; `without` are beginnings of names."""
        s3 = f"s3://{self.bucket}"
        s5cmd = ["s5cmd", "--log", "error", "--endpoint-url", self.server.endpoint_url, "cp"]
        hashed = "find .dvc/cache/files/md5 -type f -print0 | xargs -0 md5sum >/dev/null"
        uploads: dict[str, Callable[[str], Sequence[str]]] = {
            "cpv": lambda place: [sys.executable, "-c", PUBLISH],
            "s5cmd": lambda place: [*s5cmd, f"{self.cache}/", f"{s3}/{place}/files/md5/"],
            "boto3[crt]": lambda place: [*CRT, "up", self.bucket, f"{place}/files/md5", str(self.cache)],
            "dvc push": lambda place: ["dvc", "push", "-q"],
        }
        fetches: dict[str, Callable[[str], Sequence[str]]] = {
            "cpv": lambda place: [sys.executable, "-c", FETCH],
            "s5cmd": lambda place: [*s5cmd, f"{s3}/{place}/files/md5/*", f"{self.cache}/"],
            "s5cmd, md5sum": lambda place: [
                "sh",
                "-c",
                f"{shlex.join(s5cmd)} '{s3}/{place}/files/md5/*' {self.cache}/ && {hashed}",
            ],
            "boto3[crt]": lambda place: [*CRT, "down", self.bucket, f"{place}/files/md5", str(self.cache)],
            "dvc fetch": lambda place: ["dvc", "fetch", "-q"],
        }
        for work, ways, fetching in (("upload", uploads, False), ("fetch", fetches, True)):
            chosen = {name: way for name, way in ways.items() if not name.startswith(without)}
            yield self._contest(f"{work} {title}", chosen, fetching=fetching)

    def _contest(self, work: str, ways: Mapping[str, Callable[[str], Sequence[str]]], *, fetching: bool) -> Contest:
        def contestant(name: str, way: Callable[[str], Sequence[str]]) -> Contestant:
            def place(number: int) -> str:
                return f"{name.split()[0].rstrip(',').replace('[', '-').rstrip(']')}-{number}"

            def prepare(number: int) -> None:
                self.point(place(number))
                key = f"{place(number)}/files/md5/{'0' * 2}/{'0' * 30}"
                self.server.client().put_object(Bucket=self.bucket, Key=key, Body=b"")
                run(self.folder, sys.executable, "-c", LOOK)
                if fetching:
                    self.cache.rename(self.kept)
                    self.cache.mkdir()
                settle(self.bytes)

            return Contestant(
                name, self.folder, lambda number: way(place(number)), prepare, self._back if fetching else _nothing
            )

        absent = {"s5cmd": not shutil.which("s5cmd"), "boto3[crt]": not find_spec("awscrt")}
        lacking = tuple(name for name, is_absent in absent.items() if is_absent)
        chosen = [contestant(*way) for way in ways.items() if not way[0].startswith(lacking)]
        notes = [f"{name} is not installed" for name in lacking]
        return Contest(work, chosen, self.bench.form.rounds, target=Target("s5cmd", 1.0), notes=notes)

    def _back(self, number: int) -> None:
        """Check what was brought, and put the cache back."""
        if self.size() != self.bytes:
            raise SystemExit(f"{self.size()} of {self.bytes} bytes were brought")
        self.spend(self.cache)
        self.kept.rename(self.cache)


def _nothing(number: int) -> None:
    """Nothing to check."""
