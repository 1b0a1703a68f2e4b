"""Keeping artifacts out of Git: one line in the `.gitignore` beside each, as `dvc add` writes it."""

from __future__ import annotations

import posixpath
import re

from cpv_hooks.durable import write_atomic
from cpv_hooks.git import Repo

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
    line = "/" + re.sub(r"([\[\]!*#?\\]|\s(?=$))", r"\\\1", posixpath.basename(path))
    gap = b"" if not text or text.endswith(b"\n") else b"\n"
    write_atomic(file, text + gap + line.encode("utf-8", "surrogateescape") + b"\n")


def file_for(path: str) -> str:
    """The `.gitignore` that names an artifact, relative to the top."""
    return posixpath.join(posixpath.dirname(path), FILE)
