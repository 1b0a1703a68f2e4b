"""Git's ignore rules: the line in the `.gitignore` beside each artifact, as `dvc add` writes it, and pointers hidden by
a rule, which neither a commit nor DVC sees."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.system.atomic_files import write_atomic

FILE = ".gitignore"


def ignore(repo: Repo, path: str) -> None:
    """Add an artifact (relative to the top) to the `.gitignore` of its folder, where Git does not ignore it yet."""
    if is_ignored(repo, path):
        return
    file = repo.top / posixpath.dirname(path) / FILE
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        text = b""
    write_atomic(file, _appended(text, _line(path)))


def is_ignored(repo: Repo, path: str) -> bool:
    """Whether a rule hides a path (relative to the top), tracked or not."""
    # Without the dot Git reads magic into a colon; it takes no `:(literal)` here, and no name for a pattern.
    return repo.ok("check-ignore", "--quiet", "--no-index", "--", f"./{path}")


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


def hidden(repo: Repo, files: Iterable[str]) -> dict[str, CPVError]:
    """Those of the pointer files, tracked or not, that an ignore rule hides, each with what to say of it.

    No `git add` takes such a file, and DVC refuses to read it even where Git tracks it.
    """
    names = "".join(f"{file}\0" for file in files)
    if not names:
        return {}
    # Source, line, pattern and path of the last rule that matches, an exception (`!`) among them (git-check-ignore(1)).
    fields = repo.run("check-ignore", "--verbose", "-z", "--no-index", "--stdin", input=names, check=False).split("\0")
    rows = zip(fields[0::4], fields[1::4], fields[2::4], fields[3::4], strict=False)
    return {file: _hidden_by(file, *rule) for *rule, file in rows if not rule[2].startswith("!")}


def _hidden_by(file: str, source: str, line: str, pattern: str) -> CPVError:
    what = (
        f"Git ignores this pointer ({source} line {line}: {pattern}), so no commit can hold it and DVC cannot read it"
    )
    fix = f"remove line {line} of {source} (the artifact gets a line of its own), or take the artifact out of .cpv.toml"
    return CPVError(what, where=file, fix=fix)
