"""What hooks cost a Git command that has nothing to do, side by side with the peers that are on this machine.

    python tests/bench/hooks.py [--rounds 25] [--json FILE]

Every contestant has the same repository: a code file, a model and a data folder that nobody touches. Each round runs
every contestant once, so that a machine whose speed drifts slows them alike; the table shows medians, what the hooks
add to bare Git, and the ratio to git-lfs. What CPV's `.pth` line adds to a start of Python: `plugin_tax.py`.
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

COMMANDS = {
    "commit": (["git", "commit", "--allow-empty", "-qm", "x"], ["git", "commit", "--allow-empty", "-qm", "y"]),
    "checkout": (["git", "checkout", "-q", "other"], ["git", "checkout", "-q", "main"]),
    "status": (["git", "status", "--short"], ["git", "status", "--short"]),
}
PRE_COMMIT_CONFIG = """\
repos:
  - repo: local
    hooks:
      - {id: nothing, name: nothing, entry: "true", language: system, always_run: true, pass_filenames: false,
         stages: [pre-commit, post-commit, post-checkout]}
"""


def run(folder: Path, *command: str) -> None:
    """Run quietly; a failure ends the benchmark."""
    subprocess.run(command, cwd=folder, check=True, stdin=subprocess.DEVNULL, capture_output=True)


def repository(folder: Path, prepare: Callable[[Path], None], finish: Callable[[Path], None]) -> Path:
    """A repository with two branches that differ in code alone."""
    folder.mkdir()
    run(folder, "git", "init", "-q", "-b", "main")
    (folder / "code.py").write_text("print(1)\n")
    prepare(folder)
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-qm", "one")
    finish(folder)
    run(folder, "git", "checkout", "-q", "-b", "other")
    (folder / "code.py").write_text("print(2)\n")
    run(folder, "git", "commit", "-qam", "two")
    run(folder, "git", "checkout", "-q", "main")
    return folder


def artifacts(folder: Path) -> None:
    """A model and a data folder."""
    (folder / "model.bin").write_bytes(os.urandom(100_000))
    (folder / "data").mkdir()
    for number in range(20):
        (folder / "data" / f"{number}.csv").write_text(f"{number}\n")


def with_dvc(folder: Path) -> None:
    """The artifacts under plain DVC."""
    artifacts(folder)
    run(folder, sys.executable, "-m", "dvc", "init", "-q")
    run(folder, sys.executable, "-m", "dvc", "add", "-q", "model.bin", "data")


def with_lfs(folder: Path) -> None:
    """The artifacts under git-lfs."""
    run(folder, "git", "lfs", "install", "--local")
    run(folder, "git", "lfs", "track", "*.bin", "data/**")
    artifacts(folder)


def with_cpv(folder: Path) -> None:
    """The artifacts under CPV."""
    artifacts(folder)
    run(folder, sys.executable, "-m", "dvc", "init", "-q")
    run(folder, sys.executable, "-m", "dvc", "remote", "add", "-q", "-d", "local", str(folder.parent / "storage"))
    (folder / ".cpv.toml").write_text(
        '[cpv]\nteam = "bench"\nmodel = "bench"\n[artifacts]\nmodel = ["model.bin"]\ndata = ["data"]\n'
    )
    run(folder, sys.executable, "-m", "dvc", "cpv", "install")


def with_pre_commit(folder: Path) -> None:
    """pre-commit with a hook that does nothing."""
    (folder / ".pre-commit-config.yaml").write_text(PRE_COMMIT_CONFIG)
    types = ("pre-commit", "post-commit", "post-checkout")
    arguments = [word for name in types for word in ("--hook-type", name)]
    run(folder, sys.executable, "-m", "pre_commit", "install", *arguments)


def nothing(folder: Path) -> None:
    """Bare Git."""


def dvc_install(folder: Path) -> None:
    """DVC's own hooks."""
    run(folder, sys.executable, "-m", "dvc", "install")


def contestants(root: Path) -> dict[str, Path]:
    """The repositories to compare; a peer that is not on this machine is left out."""
    found = {
        "bare git": repository(root / "bare", nothing, nothing),
        "cpv": repository(root / "cpv", with_cpv, nothing),
        "pre-commit, empty": repository(root / "pre-commit", with_pre_commit, nothing),
        "dvc install": repository(root / "dvc", with_dvc, dvc_install),
    }
    if shutil.which("git-lfs"):
        found["git-lfs"] = repository(root / "lfs", with_lfs, nothing)
    return found


def timed(command: list[str], folder: Path | None) -> float:
    """Milliseconds of one run."""
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    return (time.perf_counter() - started) * 1000


def measure(folders: dict[str, Path], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Samples by command and contestant."""
    samples: dict[str, dict[str, list[float]]] = {}
    for name, pair in COMMANDS.items():
        samples[name] = {contestant: [] for contestant in folders}
        for number in range(-2, rounds):
            for contestant, folder in folders.items():
                took = timed(pair[number % 2], folder)
                if number >= 0:  # the first two warm caches up
                    samples[name][contestant].append(took)
    return samples


def show(samples: dict[str, dict[str, list[float]]]) -> None:
    """Print a table for each command."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for command, found in samples.items():
        table = Table(
            "contestant",
            "median ms",
            "spread ms",
            "hooks add ms",
            "ratio to git-lfs",
            title=f"git {command}, nothing to do",
        )
        medians = {name: statistics.median(values) for name, values in found.items()}
        bare = medians["bare git"]
        lfs = medians.get("git-lfs", 0) - bare
        for name, values in found.items():
            added = medians[name] - bare
            ratio = f"{added / lfs:.2f}" if lfs > 1 else "-"
            table.add_row(
                name, f"{medians[name]:.1f}", f"{min(values):.1f} to {max(values):.1f}", f"{added:.1f}", ratio
            )
        console.print(table)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--json", type=Path, help="write the samples, in milliseconds")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        root = Path(home)
        (root / ".gitconfig").write_text("[user]\n\tname = Bench\n\temail = bench@example.org\n")
        os.environ |= {"HOME": home, "CPV_HOME": str(root / ".cpv"), "GIT_CONFIG_GLOBAL": str(root / ".gitconfig")}
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        (root / "repositories").mkdir()
        samples = measure(contestants(root / "repositories"), arguments.rounds)
    show(samples)
    if arguments.json:
        arguments.json.write_text(json.dumps(samples))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
