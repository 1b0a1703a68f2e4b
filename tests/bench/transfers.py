"""Uploads and fetches of the same cache objects, on one SeaweedFS.

Every contestant sends them to a place of its own and brings them back into an empty folder, each in a process of its
own with its start. CPV and DVC hash every byte that they send or receive; s5cmd compares nothing with the name of an
object.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from bench.bench import Bench, commit, fill, missing
from bench.engine import FETCH, PUBLISH
from bench.measure import Contest, Contestant, Row, Target, run, settle
from support.repos import remote_settings

SMALL_BYTES = 2048
MIDDLE_BYTES = 3 << 20
MIDDLE_FILES = 20


def rows(bench: Bench) -> Iterator[Row]:
    """Upload and fetch of one large file, many small ones, and a mix."""
    for name, (title, workload) in _workloads(bench).items():
        field = Field(bench, f"transfers-{name}", workload)
        yield from (contest.run() for contest in field.contests(title))
        bench.drop(field.bucket)
        shutil.rmtree(field.folder)


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

    def __init__(self, bench: Bench, name: str, workload: Mapping[str, int]) -> None:
        self.bench = bench
        self.bucket = bench.server.make_bucket()
        self.folder = bench.dvc_repository(name)
        self.cache = self.folder / ".dvc/cache/files/md5"
        self.kept = self.folder.with_name(f"{name}-kept")
        for file, size in workload.items():
            fill(self.folder / "data" / file, size)
        run(self.folder, "dvc", "add", "-q", "data")
        commit(self.folder)
        shutil.rmtree(self.folder / "data")
        self.bytes = self.size()

    def size(self) -> int:
        """The bytes in the cache."""
        return sum(path.stat().st_size for path in self.cache.rglob("*") if path.is_file())

    def point(self, place: str) -> None:
        """Let the remote be this place of the bucket."""
        public, secret = remote_settings(f"s3://{self.bucket}/{place}", self.bench.server)
        (self.folder / ".dvc/config").write_text(public)
        (self.folder / ".dvc/config.local").write_text(secret)

    def contests(self, title: str) -> Iterator[Contest]:
        """Upload, then fetch what was uploaded."""
        s3 = f"s3://{self.bucket}"
        s5cmd = ["s5cmd", "--log", "error", "--endpoint-url", self.bench.server.endpoint_url, "cp"]
        uploads: dict[str, Callable[[str], Sequence[str]]] = {
            "cpv": lambda place: [sys.executable, "-c", PUBLISH],
            "s5cmd": lambda place: [*s5cmd, f"{self.cache}/", f"{s3}/{place}/files/md5/"],
            "dvc push": lambda place: ["dvc", "push", "-q"],
        }
        fetches: dict[str, Callable[[str], Sequence[str]]] = {
            "cpv": lambda place: [sys.executable, "-c", FETCH],
            "s5cmd": lambda place: [*s5cmd, f"{s3}/{place}/files/md5/*", f"{self.cache}/"],
            "dvc fetch": lambda place: ["dvc", "fetch", "-q"],
        }
        yield self._contest(f"upload {title}", uploads, fetching=False)
        yield self._contest(f"fetch {title}", fetches, fetching=True)

    def _contest(self, work: str, ways: Mapping[str, Callable[[str], Sequence[str]]], *, fetching: bool) -> Contest:
        def contestant(name: str, way: Callable[[str], Sequence[str]]) -> Contestant:
            def place(number: int) -> str:
                return f"{name.split()[0]}-{number}"

            def prepare(number: int) -> None:
                self.point(place(number))
                if fetching:
                    self.cache.rename(self.kept)
                    self.cache.mkdir()
                settle()

            return Contestant(
                name, self.folder, lambda number: way(place(number)), prepare, self._back if fetching else _nothing
            )

        chosen = [contestant(*way) for way in ways.items() if way[0] != "s5cmd" or shutil.which("s5cmd")]
        return Contest(work, chosen, self.bench.form.rounds, target=Target("s5cmd", 1.0), notes=missing("s5cmd"))

    def _back(self, number: int) -> None:
        """Check what was brought, and put the cache back."""
        if self.size() != self.bytes:
            raise SystemExit(f"{self.size()} of {self.bytes} bytes were brought")
        shutil.rmtree(self.cache)
        self.kept.rename(self.cache)


def _nothing(number: int) -> None:
    """Nothing to check."""
