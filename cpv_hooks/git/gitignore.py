"""Keeping artifacts out of Git: one line in the `.gitignore` beside each, as `dvc add` writes it."""

from __future__ import annotations

import posixpath
import re

from cpv_hooks.git.repo import Repo
from cpv_hooks.system.atomic_files import write_atomic

FILE = ".gitignore"


def ignore(repo: Repo, path: str) -> None:
    """Add an artifact (relative to the top) to the `.gitignore` of its folder, where Git does not ignore it yet."""
    if repo.ok("check-ignore", "--quiet", "--no-index", "--", path):
        return
    file = repo.top / posixpath.dirname(path) / FILE
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        text = b""
    write_atomic(file, _appended(text, _line(path)))


def with_line(text: bytes, path: str) -> bytes:
    """The text of a `.gitignore` with the line that hides an artifact; as it is where it has the line."""
    line = _line(path)
    return text if line in text.splitlines() else _appended(text, line)


def _line(path: str) -> bytes:
    line = "/" + re.sub(r"([\[\]!*#?\\]|\s(?=$))", r"\\\1", posixpath.basename(path))
    return line.encode("utf-8", "surrogateescape")


def _appended(text: bytes, line: bytes) -> bytes:
    gap = b"" if not text or text.endswith(b"\n") else b"\n"
    return text + gap + line + b"\n"


def file_for(path: str) -> str:
    """The `.gitignore` that names an artifact, relative to the top."""
    return posixpath.join(posixpath.dirname(path), FILE)
