"""The machine and the tools that numbers come from."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

TOOLS = {
    "git": ("git", "version"),
    "git-lfs": ("git-lfs", "version"),
    "s5cmd": ("s5cmd", "version"),
    "seaweedfs": ("weed", "version"),
}
PACKAGES = ("dvc-cpv", "dvc", "dvc-data", "dvc-s3", "boto3", "awscrt", "pre-commit")


def describe(place: Path) -> dict[str, str]:
    """Names and versions; `place` is the folder that is measured in."""
    described = {
        "cpu": _cpu(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB",
        "kernel": platform.release(),
        "file system": _file_system(place),
        "python": platform.python_version(),
        "load": f"{os.getloadavg()[0]:.1f}",
    }
    described |= {name: _first_line(*command) for name, command in TOOLS.items()}
    return described | {name: _version(name) for name in PACKAGES}


def _cpu() -> str:
    text = Path("/proc/cpuinfo").read_text()
    found = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def _file_system(place: Path) -> str:
    return _first_line("stat", "-f", "-c", "%T", str(place))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not there"


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "not there"
    line = (done.stdout or done.stderr).partition("\n")[0].strip()
    return re.sub(r"^(git version|version) ", "", line)
