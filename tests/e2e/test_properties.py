"""Random stories of Git verbs and edits, told twice: artifacts under CPV, and the same files tracked by Git itself.

Whatever Git does to files that it tracks, CPV must do to artifacts; and no content that a verb met may be lost.
`CPV_PROPERTY_EXAMPLES` sets the number of stories (the long form: 2000).
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import MakeRepo
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from support import stand_in
from support.repos import ModelRepo
from support.shell import Result, Shell

EXAMPLES = int(os.environ.get("CPV_PROPERTY_EXAMPLES", "5"))
FILES = ("model.bin", "weights.bin", "data/a", "data/b")
BRANCHES = ("main", "one", "two")
IGNORED = "/model.bin\n/weights.bin\n/data\n"

Verb = tuple[str, int, int]

VERBS = st.tuples(
    st.sampled_from(
        [
            "edit", "edit", "edit", "commit", "commit", "commit", "amend", "switch", "branch", "checkout", "detach",
            "merge", "stash", "pop", "hard", "soft", "revert", "pick", "restore", "remove", "rebase", "data",
        ]
    ),
    st.integers(0, 5),
    st.integers(0, 5),
)  # fmt: skip

STORY: list[Verb] = [
    ("edit", 0, 0), ("commit", 0, 0), ("branch", 1, 0), ("edit", 0, 0), ("commit", 0, 0), ("switch", 0, 0),
    ("data", 0, 0), ("stash", 0, 0), ("merge", 1, 0), ("pop", 0, 0), ("commit", 0, 0), ("hard", 0, 1),
]  # fmt: skip


@dataclass
class Pair:
    """The two repositories; every verb goes to both."""

    cpv: ModelRepo
    twin: Shell
    story: list[str] = field(default_factory=list)
    written: int = 0

    def artifacts(self, shell: Shell) -> dict[str, str]:
        """Content of each file of an artifact that stands in a work tree."""
        found = {name: shell.path / name for name in FILES}
        return {name: path.read_text() for name, path in found.items() if path.is_file()}

    def write(self, name: str) -> None:
        self.written += 1
        self.story.append(f"write {name} ({self.written})")
        for shell in (self.cpv, self.twin):
            shell.write(name, f"{name} {self.written} " + "x" * (self.written % 7))

    def git(self, *args: str) -> tuple[Result, Result]:
        """A verb in both; what CPV's repository held before it must be safe after it."""
        self.story.append("git " + " ".join(args))
        before = self.artifacts(self.cpv)
        mine = self.cpv.git(*args, status=None, env={"GIT_EDITOR": "true"})
        theirs = self.twin.git(*args, status=None, env={"GIT_EDITOR": "true"})
        self.check_nothing_lost(before)
        return mine, theirs

    def both(self, *args: str, abort: str | None = None) -> None:
        """A verb that must end alike; `abort` is what takes back one that stopped at a conflict."""
        mine, theirs = self.git(*args)
        if abort and (theirs.status or mine.status):
            self.cpv.git(*abort.split(), status=None)
            self.twin.git(*abort.split(), status=None)
        assert (mine.status == 0) == (theirs.status == 0), self.told(mine, theirs)
        self.compare()

    def compare(self) -> None:
        assert self.artifacts(self.cpv) == self.artifacts(self.twin), self.told()

    def check_nothing_lost(self, before: dict[str, str]) -> None:
        now, cached = self.artifacts(self.cpv), self.cpv.objects()
        for name, content in before.items():
            safe = now.get(name) == content or hashlib.md5(content.encode()).hexdigest() in cached
            assert safe, f"{name} {content!r} is lost\n{self.told()}"

    def told(self, *results: Result) -> str:
        said = "\n".join(f"{result.args}: {result.status}\n{result.text}" for result in results)
        return "\n".join(self.story) + "\n" + said

    def dirty(self) -> bool:
        return bool(self.twin.changes())


def commit(pair: Pair, *args: str) -> None:
    """CPV's commit takes every changed artifact by itself; Git needs `add` for its own files."""
    pair.twin.git("add", "-A")
    if pair.cpv.git("symbolic-ref", "-q", "HEAD", status=None).status:
        # On a detached HEAD data alone takes two runs, unless it was added.
        pair.cpv.git("add", "-A")
    nothing = not pair.twin.changes() and "--amend" not in args
    mine, theirs = pair.git("commit", "-q", "-m", f"commit {len(pair.story)}", *args)
    if not nothing:
        assert mine.status == theirs.status, pair.told(mine, theirs)
    pair.compare()


def apply(pair: Pair, verb: Verb) -> None:
    name, first, second = verb
    branch, back = BRANCHES[first % len(BRANCHES)], f"HEAD~{second % 3}"
    if not pair.twin.git("rev-parse", "-q", "--verify", back, status=None).out:
        back = "HEAD"
    simple: dict[str, Callable[[], None]] = {
        "edit": lambda: pair.write(FILES[first % 2]),
        # All of a directory's files, so that a conflict in its pointer is one in its files too.
        "data": lambda: [pair.write(file) for file in FILES[2:]] and None,
        "commit": lambda: commit(pair),
        "amend": lambda: commit(pair, "--amend"),
        "switch": lambda: pair.both("checkout", "-q", branch),
        "branch": lambda: pair.both("checkout", "-q", "-B", branch),
        "checkout": lambda: pair.both("checkout", "-q", back),
        "detach": lambda: pair.both("checkout", "-q", "--detach", branch),
        "hard": lambda: pair.both("reset", "-q", "--hard", back),
        "soft": lambda: pair.both("reset", "-q", "--soft", back),
        "stash": lambda: pair.both("stash", "-q"),
    }
    if name in simple:
        simple[name]()
    elif name == "restore":
        restore(pair, FILES[first % 2])
    elif name == "remove":
        for shell in (pair.cpv, pair.twin):
            (shell.path / FILES[first % 2]).unlink(missing_ok=True)
        pair.both("checkout", "-q", "-f", "HEAD")
    elif name == "pop":
        pop(pair)
    elif not pair.dirty():
        conflicting(pair, name, branch, back)


def restore(pair: Pair, file: str) -> None:
    pair.story.append(f"git restore {file}")
    mine = pair.cpv.git("restore", f"{file}.dvc", status=None)
    theirs = pair.twin.git("restore", file, status=None)
    assert (mine.status == 0) == (theirs.status == 0), pair.told(mine, theirs)
    pair.compare()


def pop(pair: Pair) -> None:
    if not pair.twin.git("stash", "list").out:
        return
    mine, theirs = pair.git("stash", "pop", "-q")
    assert (mine.status == 0) == (theirs.status == 0), pair.told(mine, theirs)
    if theirs.status:
        pair.git("reset", "-q", "--hard")
        pair.git("stash", "drop", "-q")
    pair.compare()


def conflicting(pair: Pair, name: str, branch: str, back: str) -> None:
    if not pair.twin.git("rev-parse", "-q", "--verify", branch, status=None).out:
        return
    if name == "merge":
        pair.both("merge", "-q", "--no-edit", branch, abort="merge --abort")
    elif name == "revert" and pair.twin.git("rev-parse", "-q", "--verify", "HEAD^", status=None).out:
        # Not of the first commit, which brought CPV's own settings.
        mainline = ["-m1"] if is_merge(pair, "HEAD") else []
        pair.both("revert", "--no-edit", *mainline, "HEAD", abort="revert --abort")
    elif name == "pick":
        pair.both("cherry-pick", "-m1" if is_merge(pair, branch) else "--no-edit", branch, abort="cherry-pick --abort")
    elif name == "rebase":
        pair.both("rebase", "-q", branch, abort="rebase --abort")


def is_merge(pair: Pair, rev: str) -> bool:
    return bool(pair.twin.git("rev-parse", "-q", "--verify", f"{rev}^2", status=None).out)


@pytest.fixture(scope="module")
def base(request: pytest.FixtureRequest) -> dict[str, Path]:
    return {}


@pytest.fixture
def begin(make_repo: MakeRepo, shell: Shell, base: dict[str, Path]) -> Callable[[], Pair]:
    """Makes a fresh pair, by copying the first one."""
    number = iter(range(100_000))

    def new() -> Pair:
        if not base or not base["cpv"].exists():
            files = dict.fromkeys(FILES, "first")
            base["cpv"] = make_repo("base", files=files).path
            base["twin"] = shell.path / "base-twin"
            base["twin"].mkdir()
            twin = Shell(base["twin"])
            twin.git("init", "-q")
            for name, content in files.items():
                twin.write(name, content)
            twin.git("add", "-A")
            twin.git("commit", "-q", "-m", "first")
        folder = shell.path / f"story-{next(number)}"
        for name in ("cpv", "twin"):
            shutil.copytree(base[name], folder / name, symlinks=True)
        # Its live status is a command with an absolute path.
        stand_in.install(folder / "cpv")
        pair = Pair(ModelRepo(folder / "cpv"), Shell(folder / "twin"))
        pair.cpv.git("status")
        return pair

    return new


@pytest.mark.timeout(300 + 60 * EXAMPLES)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES < 20,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)
@given(st.lists(VERBS, min_size=8, max_size=16))
@example(STORY)
def test_artifacts_do_what_files_do(begin: Callable[[], Pair], story: list[Verb]) -> None:
    pair = begin()
    for verb in story:
        apply(pair, verb)
    pair.cpv.git("fsck", "--full", "--strict")
    shutil.rmtree(pair.cpv.path.parent)
