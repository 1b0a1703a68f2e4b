"""What hooks cost a Git command that has nothing to do.

Every contestant has the same repository: a code file, a model and a data folder that nobody touches.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.bench import Bench, commit, missing
from bench.measure import Contest, Contestant, Row, Target, run

COMMANDS = {
    "commit": (["commit", "--allow-empty", "-qm", "x"], ["commit", "--allow-empty", "-qm", "y"]),
    "checkout": (["checkout", "-q", "other"], ["checkout", "-q", "main"]),
    "status": (["status", "--short"], ["status", "--short"]),
}
PRE_COMMIT_CONFIG = """\
repos:
  - repo: local
    hooks:
      - {id: nothing, name: nothing, entry: "true", language: system, always_run: true, pass_filenames: false,
         stages: [pre-commit, post-commit, post-checkout]}
"""
TEMPLATE = Path(__file__).resolve().parents[2] / "hook-templates" / "pre-commit-config.yaml"
SLOW = ("dvc install", "pre-commit, empty", "cpv by pre-commit")
Prepare = Callable[[Path], None]


def rows(bench: Bench) -> Iterator[Row]:
    """A row for each Git command."""
    folders = _contestants(bench)
    # Git looks into files that are as young as its index, and git-lfs at their filters: nobody is to be measured so.
    time.sleep(1.1)
    for folder in folders.values():
        run(folder, "git", "status")
    for name, pair in COMMANDS.items():
        target = None if name == "status" else Target("git-lfs", 0.6)
        contestants = [_contestant(bench, *item, pair) for item in folders.items()]
        work = f"git {name}, nothing to do"
        yield Contest(work, contestants, bench.form.quick, 2, "bare git", target, missing("git-lfs")).run()


def _contestant(bench: Bench, name: str, folder: Path, pair: tuple[list[str], list[str]]) -> Contestant:
    # Slow ones take part in an even number of rounds, which leaves them where they began.
    rounds = max(1, bench.form.quick // 8 * 2) if name in SLOW else None
    return Contestant(name, folder, lambda number: ["git", *pair[number % 2]], rounds=rounds)


def _contestants(bench: Bench) -> dict[str, Path]:
    """The repositories to compare; a peer that is not on this machine is left out."""
    ways: dict[str, tuple[Prepare, Prepare]] = {
        "cpv": (_with_cpv, _nothing),
        "cpv by pre-commit": (_with_cpv_by_pre_commit, _nothing),
        "bare git": (_nothing, _nothing),
        "git-lfs": (_with_lfs, _nothing),
        "pre-commit, empty": (_with_pre_commit, _nothing),
        "dvc install": (_with_dvc, _dvc_install),
    }
    if shutil.which("git-lfs") is None:
        del ways["git-lfs"]
    return {name: _repository(bench, f"hooks-{n}", *way) for n, (name, way) in enumerate(ways.items())}


def _repository(bench: Bench, name: str, prepare: Prepare, finish: Prepare) -> Path:
    """A repository with two branches that differ in code alone."""
    folder = bench.folder(name)
    run(folder, "git", "init", "-q", "-b", "main")
    (folder / "code.py").write_text("print(1)\n")
    prepare(folder)
    commit(folder)
    finish(folder)
    run(folder, "git", "checkout", "-q", "-b", "other")
    (folder / "code.py").write_text("print(2)\n")
    run(folder, "git", "commit", "-qam", "two")
    run(folder, "git", "checkout", "-q", "main")
    return folder


def _artifacts(folder: Path) -> None:
    (folder / "model.bin").write_bytes(os.urandom(100_000))
    (folder / "data").mkdir()
    for number in range(20):
        (folder / "data" / f"{number}.csv").write_text(f"{number}\n")


def _with_dvc(folder: Path) -> None:
    _artifacts(folder)
    run(folder, "dvc", "init", "-q")
    run(folder, "dvc", "add", "-q", "model.bin", "data")


def _with_lfs(folder: Path) -> None:
    run(folder, "git", "lfs", "install", "--local")
    run(folder, "git", "lfs", "track", "*.bin", "data/**")
    _artifacts(folder)


def _with_cpv(folder: Path) -> None:
    _configure(folder)
    run(folder, "dvc", "cpv", "install")


def _with_cpv_by_pre_commit(folder: Path) -> None:
    _configure(folder)
    shutil.copy(TEMPLATE, folder / ".pre-commit-config.yaml")
    run(folder, "pre-commit", "install")


def _configure(folder: Path) -> None:
    _with_dvc(folder)
    run(folder, "dvc", "remote", "add", "-q", "-d", "local", str(folder.parent / f"{folder.name}-storage"))
    (folder / ".cpv.toml").write_text('[cpv]\nteam = "bench"\nmodel = "bench"\n')


def _with_pre_commit(folder: Path) -> None:
    (folder / ".pre-commit-config.yaml").write_text(PRE_COMMIT_CONFIG)
    types = ("pre-commit", "post-commit", "post-checkout")
    run(folder, "pre-commit", "install", *(word for name in types for word in ("--hook-type", name)))


def _dvc_install(folder: Path) -> None:
    run(folder, "dvc", "install")


def _nothing(folder: Path) -> None:
    """Bare Git."""
