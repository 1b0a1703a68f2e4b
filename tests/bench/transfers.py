"""Uploads and fetches, side by side with `dvc push`, `dvc fetch` and s5cmd, on a fresh SeaweedFS.

    python tests/bench/transfers.py [--rounds 3] [--files 10000] [--large-mb 1024] [--only large small mix] [--json F]

Every contestant sends the same cache objects to a place of its own and brings them back into an empty folder, each in
a process of its own with its start. A round runs all of them in turn, so that a machine whose speed drifts slows them
alike; the ratios are medians of the rounds' own. CPV and DVC hash every byte that they send or receive; s5cmd compares
nothing with the name of an object.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.seaweed import OWNER, Server, shared_server, stop

BIN = Path(sys.executable).parent
SMALL_BYTES = 2048
PUBLISH = """
from pathlib import Path
from cpv_hooks.git import Repo
from cpv_hooks.output import Progress
from cpv_hooks.project import Project
from cpv_hooks.publish import publish
project = Project.open(Repo.discover(Path.cwd()), Path.cwd())
assert not publish(project, ["HEAD"], Progress("uploading")).missing
"""
FETCH = """
from pathlib import Path
from cpv_hooks.git import Repo
from cpv_hooks.objects import pointers_at
from cpv_hooks.output import Progress
from cpv_hooks.project import Project
from cpv_hooks.publish import fetch
project = Project.open(Repo.discover(Path.cwd()), Path.cwd())
assert not fetch(project, [pointer.oid for pointer in pointers_at(project, "HEAD")], Progress("fetching"))
"""


def run(folder: Path, *command: str) -> None:
    """Run quietly; a failure ends the benchmark with what was printed."""
    ended = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{' '.join(command)[:200]}: {ended.stdout[-2000:]}{ended.stderr[-2000:]}")


class Field:
    """A repository with the files of one workload in its cache, and a bucket."""

    def __init__(self, folder: Path, server: Server, workload: dict[str, int]) -> None:
        self.folder = folder
        self.server = server
        self.bucket = server.make_bucket()
        self.cache = folder / ".dvc/cache/files/md5"
        folder.mkdir(parents=True)
        run(folder, "git", "init", "-q")
        run(folder, "dvc", "init", "-q")
        (folder / "data").mkdir()
        for name, size in workload.items():
            with open(folder / "data" / name, "wb") as stream:
                for start in range(0, size, 1 << 20):
                    stream.write(os.urandom(min(1 << 20, size - start)))
        self.point("none")
        run(folder, "dvc", "add", "-q", "data")
        run(folder, "git", "add", "-A")
        run(folder, "git", "commit", "-qm", "data")
        shutil.rmtree(folder / "data")

    def point(self, prefix: str) -> None:
        """Let the remote be an empty place of the bucket."""
        options = {
            "url": f"s3://{self.bucket}/{prefix}",
            "endpointurl": self.server.endpoint_url,
            "access_key_id": self.server.access_key,
            "secret_access_key": self.server.secret_key,
            "region": self.server.region,
        }
        lines = [f"    {key} = {value}" for key, value in options.items()]
        text = "\n".join(["[core]", "    remote = storage", "    autostage = false", "['remote \"storage\"']", *lines])
        (self.folder / ".dvc/config.local").write_text(text + "\n")

    def size(self) -> int:
        """The bytes in the cache."""
        return sum(path.stat().st_size for path in self.cache.rglob("*") if path.is_file())


def cpv_push(field: Field, place: str) -> list[str]:
    return [sys.executable, "-c", PUBLISH]


def cpv_fetch(field: Field, place: str) -> list[str]:
    return [sys.executable, "-c", FETCH]


def dvc_push(field: Field, place: str) -> list[str]:
    return ["dvc", "push", "-q"]


def dvc_fetch(field: Field, place: str) -> list[str]:
    return ["dvc", "fetch", "-q"]


def s5_push(field: Field, place: str) -> list[str]:
    return ["s5cmd", "--log", "error", "cp", f"{field.cache}/", f"s3://{field.bucket}/{place}/files/md5/"]


def s5_fetch(field: Field, place: str) -> list[str]:
    return ["s5cmd", "--log", "error", "cp", f"s3://{field.bucket}/{place}/files/md5/*", f"{field.cache}/"]


Command = Callable[[Field, str], list[str]]
CONTESTANTS: dict[str, tuple[Command, Command]] = {
    "cpv": (cpv_push, cpv_fetch),
    "s5cmd": (s5_push, s5_fetch),
    "dvc": (dvc_push, dvc_fetch),
}


def timed(command: list[str], folder: Path) -> float:
    """Seconds of one run."""
    started = time.perf_counter()
    run(folder, *command)
    return time.perf_counter() - started


def measure(field: Field, names: list[str], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Seconds by direction and contestant, one number for each round."""
    found: dict[str, dict[str, list[float]]] = {way: {name: [] for name in names} for way in ("upload", "fetch")}
    size, kept = field.size(), field.folder.parent / "kept"
    for number in range(rounds):
        order = names[number % len(names) :] + names[: number % len(names)]
        for name in order:
            field.point(f"{name}-{number}")
            found["upload"][name].append(timed(CONTESTANTS[name][0](field, f"{name}-{number}"), field.folder))
        for name in order:
            field.point(f"{name}-{number}")
            field.cache.rename(kept)
            field.cache.mkdir()
            found["fetch"][name].append(timed(CONTESTANTS[name][1](field, f"{name}-{number}"), field.folder))
            assert field.size() == size, f"{name} brought {field.size()} of {size} bytes"
            shutil.rmtree(field.cache)
            kept.rename(field.cache)
    return found


def show(title: str, found: dict[str, dict[str, list[float]]]) -> None:
    """Print a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table("way", "contestant", "median s", "spread s", "cpv / it, median", title=title)
    for way, samples in found.items():
        for name, values in samples.items():
            ratios = [ours / theirs for ours, theirs in zip(samples["cpv"], values, strict=True)]
            spread = f"{min(values):.2f} to {max(values):.2f}"
            table.add_row(way, name, f"{statistics.median(values):.2f}", spread, f"{statistics.median(ratios):.2f}")
    Console().print(table)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, default=10_000, help="how many of 2 KB")
    parser.add_argument("--large-mb", type=int, default=1024, help="the size of the large file")
    parser.add_argument("--only", nargs="+", choices=["large", "small", "mix"], default=["large", "small", "mix"])
    parser.add_argument("--contestants", nargs="+", choices=list(CONTESTANTS), default=list(CONTESTANTS))
    parser.add_argument("--json", type=Path, help="write the samples, in seconds")
    arguments = parser.parse_args()
    large = {"large.bin": arguments.large_mb << 20}
    small = {f"{number}.bin": SMALL_BYTES for number in range(arguments.files)}
    middle = {f"middle-{number}.bin": 3 << 20 for number in range(20)}
    few = dict(list(small.items())[: arguments.files // 2])
    half = {"large.bin": arguments.large_mb << 19}
    workloads = {
        "large": (f"one file of {arguments.large_mb} MB", large),
        "small": (f"{arguments.files} files of 2 KB", small),
        "mix": (f"{len(few)} of 2 KB, {len(middle)} of 3 MB, one of {arguments.large_mb // 2} MB", few | middle | half),
    }
    results = {}
    with tempfile.TemporaryDirectory() as home:
        root = Path(home)
        (root / OWNER).write_text(str(os.getpid()))
        (root / ".gitconfig").write_text("[user]\n\tname = Bench\n\temail = bench@example.org\n")
        os.environ |= {"HOME": home, "CPV_HOME": str(root / ".cpv"), "GIT_CONFIG_GLOBAL": str(root / ".gitconfig")}
        os.environ |= {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"}
        server = shared_server(root)
        os.environ |= {**server.environment(), "S3_ENDPOINT_URL": server.endpoint_url}
        names = [name for name in arguments.contestants if name == "cpv" or shutil.which(name)]
        try:
            for key in arguments.only:
                title, workload = workloads[key]
                field = Field(root / key / "repository", server, workload)
                results[title] = measure(field, names, arguments.rounds)
                show(title, results[title])
                shutil.rmtree(field.folder)
        finally:
            stop(root)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
