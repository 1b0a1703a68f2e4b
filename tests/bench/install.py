"""What `pip install .` takes in an empty environment with the pip that Python brings."""

from __future__ import annotations

import shutil
import subprocess
import venv
from collections.abc import Iterator
from pathlib import Path

from bench.bench import Bench
from bench.measure import Contest, Contestant, Row

PROJECT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "venv", "build", "dist", "*.egg-info", "__pycache__", ".*_cache")
# Whoever starts the benchmark may have set these for an environment of his own.
DROPPED = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")


def rows(bench: Bench) -> Iterator[Row]:
    """Once, without pip's cache: the network is the larger part of it."""
    folder = bench.folder("install")
    source = folder / "source"
    shutil.copytree(PROJECT, source, ignore=LEFT_OUT)
    venv.create(folder / "venv", with_pip=True)
    python, site = folder / "venv/bin/python", next((folder / "venv").glob("lib/*/site-packages"))
    before = _size(site)
    pip = _text(python, "-m", "pip", "--version").split()[1]
    command = [*as_outside(bench), str(python), "-m", "pip", "install", "-q", "--no-cache-dir", "."]
    row = Contest(f"pip install . with pip {pip}", [Contestant("cpv", source, lambda number: command)], 1).run()
    size, packages = (_size(site) - before) / 1e6, len(list(site.glob("*.dist-info")))
    own = sum(_size(site / name) for name in ("cpv_hooks", "dvc_cpv_plugin")) / 1e6
    note = f"{size:.0f} MB in {packages} packages are installed, {own:.1f} MB of them CPV's own; the aim is 30 s"
    yield Row(row.work, row.samples, notes=(note,))
    shutil.rmtree(folder)


def as_outside(bench: Bench) -> list[str]:
    """Run pip so: the index and its certificates are set in the environment outside, home folder and all."""
    outside = {key: value for key, value in bench.outside.items() if key not in DROPPED}
    return ["env", "-i", *(f"{key}={value}" for key, value in outside.items())]


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def _text(python: Path, *words: str) -> str:
    return subprocess.run([python, *words], check=True, capture_output=True, text=True).stdout
