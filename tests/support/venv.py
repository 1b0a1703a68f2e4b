"""A virtual environment that sees the running one's packages, into which this project can be installed and removed."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from support.shell import Result, Shell

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Venv:
    """`environment` is the user's own, with which pip finds its index to fetch the build backend."""

    path: Path
    environment: Mapping[str, str]

    @classmethod
    def make(cls, path: Path, environment: Mapping[str, str]) -> Venv:
        venv.create(path, with_pip=False)
        made = cls(path, environment)
        # A path added by a .pth file is only searched: the .pth files in it (ours among them) are not run.
        (made.site / "running.pth").write_text(sysconfig.get_path("purelib") + "\n")
        return made

    @property
    def site(self) -> Path:
        return self.path / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"

    @property
    def bin(self) -> Path:
        return self.path / "bin"

    def pip(self, *args: str | Path) -> None:
        command = [sys.executable, "-m", "pip", "--python", self.bin / "python", "-q", *args]
        done = subprocess.run(
            command, env=dict(self.environment), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def install(self, what: str | Path, *, editable: bool = False) -> None:
        self.uninstall()
        # The running environment's own copy, which this one sees, must not count as installed.
        self.pip("install", "--no-deps", "--ignore-installed", *(["-e"] if editable else []), what)

    def uninstall(self) -> None:
        if any(self.site.glob("dvc_cpv-*.dist-info")):
            self.pip("uninstall", "-y", "dvc-cpv")

    def python(self, *args: str, status: int | None = 0, env: Mapping[str, str] | None = None) -> Result:
        shell = Shell(self.path)
        path = f"{self.bin}{os.pathsep}{os.environ['PATH']}"
        return shell.run(self.bin / "python", *args, status=status, env={"PATH": path, **(env or {})})

    def dvc(self, *args: str, status: int | None = 0, env: Mapping[str, str] | None = None) -> Result:
        return self.python("-m", "dvc", *args, status=status, env=env)


def build(folder: Path, environment: Mapping[str, str], kind: str) -> Path:
    """Build the project's `wheel` or `sdist` into `folder` with its own build backend and return the file."""
    code = "import sys, hatchling.build as b; print(getattr(b, 'build_' + sys.argv[1])(sys.argv[2]))"
    done = subprocess.run(
        [sys.executable, "-c", code, kind, folder],
        cwd=PROJECT,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / done.stdout.splitlines()[-1]
