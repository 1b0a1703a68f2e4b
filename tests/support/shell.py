"""Runs real commands in real folders, and fails loudly with what they printed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from support import preloaded

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Result:
    """How a command ended; `out` and `err` are text as it was printed."""

    args: tuple[str, ...]
    status: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@dataclass(frozen=True)
class Shell:
    """A folder in which commands run."""

    path: Path

    def run(
        self,
        *args: str | Path,
        status: int | None = 0,
        input: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | Path = ".",
        timeout: float = 240,
    ) -> Result:
        """Run a command and assert its exit status (`None`: any)."""
        command = tuple(str(arg) for arg in args)
        done = subprocess.run(
            command,
            cwd=self.path / cwd,
            env={**os.environ, **(env or {})},
            input="" if input is None else input,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=timeout,
            check=False,
        )
        result = Result(command, done.returncode, done.stdout, done.stderr)
        if status is not None and result.status != status:
            raise AssertionError(
                f"{' '.join(command)} (in {self.path / cwd}) ended with {result.status}, not {status}\n"
                f"--- stdout\n{result.out}\n--- stderr\n{result.err}"
            )
        return result

    def git(self, *args: str | Path, status: int | None = 0, **rest: object) -> Result:
        return self.run("git", *args, status=status, **rest)  # type: ignore[arg-type]

    def dvc(self, *args: str | Path, status: int | None = 0, **rest: object) -> Result:
        """DVC, without its half second of imports; `run("dvc", …)` starts the program itself."""
        return self.run(*preloaded.command("dvc", *args), status=status, **rest)  # type: ignore[arg-type]

    def cpv(self, *args: str | Path, status: int | None = 0, **rest: object) -> Result:
        return self.dvc("cpv", *args, status=status, **rest)

    def python(self, *args: str | Path, status: int | None = 0, **rest: object) -> Result:
        return self.run(sys.executable, *args, status=status, **rest)  # type: ignore[arg-type]

    # Files

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file, with its folders."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def md5(self, name: str) -> str:
        return hashlib.md5(self.read(name)).hexdigest()

    def tree(self, name: str = ".") -> dict[str, str]:
        """Relative path -> md5 of each file below a folder, Git's and DVC's own folders left out."""
        base = self.path / name
        return {
            path.relative_to(base).as_posix(): hashlib.md5(path.read_bytes()).hexdigest()
            for path in sorted(base.rglob("*"))
            if path.is_file() and not {".git", ".dvc"} & set(path.relative_to(base).parts)
        }

    # Git's view

    def head(self) -> str:
        return self.git("rev-parse", "HEAD").out.strip()

    def changes(self) -> list[str]:
        """The lines of `git status --porcelain`; none where artifact, pointer and index agree."""
        return self.git("status", "--porcelain").lines

    def tags(self) -> list[str]:
        return self.git("tag", "--list", "--sort=version:refname").lines

    def commit(self, message: str = "work", *args: str) -> str:
        self.git("commit", "-q", "-m", message, *args)
        return self.head()
