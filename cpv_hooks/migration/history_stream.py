"""History as `git fast-export` writes it and `git fast-import` reads it: git-fast-import(1).

Commits keep their messages, authors and dates byte for byte; what the caller changes are the files.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from cpv_hooks.errors import CPVError
from cpv_hooks.git.reason import reason
from cpv_hooks.git.repo import Repo, environment
from cpv_hooks.named_tuple import NamedTuple

_REF = "refs/cpv/migrating"
"""What `fast-import` lets name what it has made; it goes when the real refs have moved."""
_ESCAPES = {b"a": 7, b"b": 8, b"t": 9, b"n": 10, b"v": 11, b"f": 12, b"r": 13, b'"': 34, b"\\": 92}
_ESCAPED = re.compile(rb'\\([abtnvfr"\\]|[0-7]{3})')


class StreamChange(NamedTuple):
    """A file that a commit changes against its first parent; without `mode` and `blob` it goes."""

    path: str
    mode: str | None = None
    blob: str | None = None


@dataclass
class StreamCommit:
    """A commit of the stream. `head` are its lines up to its parents, which are `parents` by their marks."""

    mark: str
    oid: str
    head: list[bytes] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)
    changes: list[StreamChange] = field(default_factory=list)


def exported(repo: Repo, refs: Sequence[str]) -> Iterator[StreamCommit]:
    """The commits that refs have, parents first. Raises `CPVError` where Git cannot export them."""
    words = ["--no-data", "--show-original-ids", "--reencode=no", "--signed-tags=strip", "--use-done-feature"]
    with _git(repo, "fast-export", *words, *refs, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield from _Reader(process.stdout).commits()


class _Reader:
    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._commit: StreamCommit | None = None

    def commits(self) -> Iterator[StreamCommit]:
        for line in iter(self._stream.readline, b""):
            word = line.split(b" ", 1)[0].rstrip(b"\n")
            if word in (b"commit", b"tag", b"reset", b"done"):
                if self._commit is not None:
                    yield self._commit
                self._commit = StreamCommit("", "") if word == b"commit" else None
            elif word == b"data":
                self._data(line)
            elif self._commit is not None:
                self._line(self._commit, word, line.rstrip(b"\n"))
        if self._commit is not None:
            yield self._commit

    def _data(self, line: bytes) -> None:
        data = self._stream.read(int(line[5:]))
        if self._commit is not None:
            self._commit.head += [line, data, b"\n"]

    @staticmethod
    def _line(commit: StreamCommit, word: bytes, line: bytes) -> None:
        rest = line[len(word) + 1 :]
        if word == b"mark":
            commit.mark = rest.decode()
        elif word == b"original-oid":
            commit.oid = rest.decode()
        elif word in (b"from", b"merge"):
            commit.parents.append(rest.decode())
        elif word == b"M":
            mode, blob, path = rest.split(b" ", 2)
            commit.changes.append(StreamChange(_unquoted(path), mode.decode(), blob.decode()))
        elif word == b"D":
            commit.changes.append(StreamChange(_unquoted(rest)))
        elif word:
            commit.head.append(line + b"\n")


def rewritten(
    repo: Repo,
    refs: Sequence[str],
    change: Callable[[StreamCommit], tuple[Sequence[StreamChange], Mapping[str, bytes]]],
) -> dict[str, str]:
    """Write each commit anew with the changes that `change` gives.

    Returns the new id of each old one. No ref of the user's moves.
    """
    old: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="cpv-") as folder:
        marks = Path(folder, "marks")
        words = ["--quiet", "--force", "--done", "--date-format=raw", f"--export-marks={marks}"]
        with _git(repo, "fast-import", *words, stdin=subprocess.PIPE) as process:
            assert process.stdin is not None
            try:
                for commit in exported(repo, refs):
                    old[commit.mark] = commit.oid
                    files, contents = change(commit)
                    process.stdin.write(_written(commit, files, contents))
                process.stdin.write(b"done\n")
                process.stdin.close()
            except BrokenPipeError:
                pass  # its reason is on its standard error
        listed = (line.split() for line in marks.read_text().splitlines())
        return {old[mark]: new for mark, new in listed if mark in old}


def forget_rewritten(repo: Repo) -> None:
    """Take away what holds commits that no ref of the user's names."""
    repo.run("update-ref", "-d", _REF)


def _written(commit: StreamCommit, files: Sequence[StreamChange], contents: Mapping[str, bytes]) -> bytes:
    lines = [] if commit.parents else [f"reset {_REF}\n\n".encode()]
    lines += [f"commit {_REF}\nmark {commit.mark}\n".encode(), *commit.head]
    for at, parent in enumerate(commit.parents):
        lines.append(f"{'merge' if at else 'from'} {parent}\n".encode())
    for file in files:
        path = _quoted(file.path)
        lines.append(b"D %s\n" % path if file.blob is None else f"M {file.mode} {file.blob} ".encode() + path + b"\n")
    for name, data in contents.items():
        lines.append(b"M 100644 inline %s\ndata %d\n%s\n" % (_quoted(name), len(data), data))
    return b"".join([*lines, b"\n"])


@contextmanager
def _git(
    repo: Repo, *words: str, stdin: int = subprocess.DEVNULL, stdout: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    """A Git process for the length of the block; `CPVError` with its reason where it fails."""
    env = environment({"GIT_DIR": str(repo.git_dir), "GIT_WORK_TREE": str(repo.top)})
    with subprocess.Popen(
        ["git", "-c", "core.quotePath=false", *words],
        cwd=repo.top, env=env, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        try:
            yield process
        except BaseException:
            process.kill()
            raise
        printed = process.stderr.read().decode("utf-8", "replace")
        if process.wait():
            what = f"Git's {words[0]} failed: {reason(printed, process.returncode)}"
            raise CPVError(what, where=str(repo.top), fix="git fsck")


def _unquoted(path: bytes) -> str:
    if path.startswith(b'"'):
        path = _ESCAPED.sub(lambda found: bytes([_ESCAPES.get(found[1]) or int(found[1], 8)]), path[1:-1])
    return path.decode("utf-8", "surrogateescape")


def _quoted(path: str) -> bytes:
    raw = path.encode("utf-8", "surrogateescape")
    if not raw.startswith(b'"') and b"\n" not in raw:
        return raw
    return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'
