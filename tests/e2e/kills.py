"""Real processes that are killed, or whose disk fails, in the middle of CPV's operations; normal work after that; and
what became of everything.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
import yaml

from cpv_hooks.git.repo import Repo
from cpv_hooks.recovery import transaction
from cpv_hooks.recovery.guarded_sync import guarded_sync
from cpv_hooks.setup.install.install import install
from cpv_hooks.setup.install.uninstall import uninstall
from cpv_hooks.sync.sync_policy import SYNC
from e2e.story import Story
from support.killed import DRIVER
from support.shell import Shell

AGAIN = "run the same command again"


@dataclass
class Figures:
    """What is counted over many kills, or other disasters."""

    of: str = "kills"
    kills: int = 0
    recoveries: int = 0
    lost: list[str] = field(default_factory=list)
    without_data: list[str] = field(default_factory=list)
    fsck: list[str] = field(default_factory=list)

    def line(self, what: str, seconds: float) -> str:
        return (
            f"{what}: {self.kills} {self.of}, {self.recoveries} recoveries, {len(self.lost)} artifacts lost, "
            f"{len(self.without_data)} refs published without data, {len(self.fsck)} git fsck failures, "
            f"{seconds:.0f} s"
        )

    def check(self) -> None:
        assert (self.lost, self.without_data, self.fsck) == ([], [], [])
        assert self.recoveries == self.kills


@dataclass(frozen=True)
class Operation:
    """Python that does it in the repository (`project`, `repo`), and how its world differs from the usual one."""

    name: str
    call: str
    prepare: Callable[[Story], None] = lambda _: None
    again: Callable[[Story], None] = lambda story: story.train(9)
    stored: Callable[[Story], Collection[str]] = lambda story: story.stored()


def _no_hooks(story: Story) -> None:
    uninstall(Repo.discover(story.path))


def _hooks_again(story: Story) -> None:
    install(Repo.discover(story.path))
    guarded_sync(Repo.discover(story.path), SYNC)  # what was trained without CPV is saved before more is
    story.train(9)


OPERATIONS = [
    Operation("upload", "plan_upload(project, MODEL, Path('../new.bin'), metrics={'loss': 1}).run()"),
    Operation("tag", "plan_tag(project, [MODEL]).run()"),
    Operation("combined tag", "plan_tag(project, [MODEL, DATA]).run()"),
    Operation("revert of the model", "plan_revert(project, [MODEL], 'v0.0', force=True).run()"),
    Operation("revert of the data", "plan_revert(project, [DATA], 'data-v0.0', force=True).run()"),
    Operation("install", "from cpv_hooks.setup.install.install import install; install(repo)", _no_hooks, _no_hooks),
    Operation(
        "uninstall", "from cpv_hooks.setup.install.uninstall import uninstall; uninstall(repo)", again=_hooks_again
    ),
]


class World:
    """A clone with unsaved and staged work, and a Git host that has all that was there before."""

    def __init__(self, story: Story, operation: Operation) -> None:
        self.story = story
        self.operation = operation
        self.host = Shell(story.path.parent / "host.git")
        story.run("git", "init", "-q", "--bare", "../host.git")
        story.git("remote", "add", "origin", "../host.git")
        story.git("push", "-q", "origin", "main", "--tags", "--no-verify")
        operation.prepare(story)
        story.train(3)
        story.put("../new.bin", "model 4\n")
        story.write("staged.py", "1\n")
        story.git("-c", "core.fsmonitor=false", "add", "staged.py", env={"CPV_RUNNING": "1"})

    # Killing

    def kill_at(self, step: str) -> None:
        self.story.python("-c", DRIVER, step, self.operation.call, status=-signal.SIGKILL)

    def kill_after(self, seconds: float, *, group: bool) -> bool:
        """Kill the operation so long after its first step; whether it was still at work."""
        command = [sys.executable, "-c", DRIVER, "", self.operation.call]
        with subprocess.Popen(
            command, cwd=self.story.path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(seconds)
            if group:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
            is_killed = process.wait() == -signal.SIGKILL
        if group:
            self._unlock()
        return is_killed

    # Afterwards

    def go_on(self, figures: Figures, chance: random.Random) -> None:
        """Work as normal, beginning with any command; then count."""
        figures.kills += 1
        first = chance.choice([self._status, self._commit, self._push, self._recover, self._operate])
        for work in (first, self._status, self._commit, self._push):
            work()
        self._train_and_operate()
        self._commit()
        self._push()
        self.count(figures)
        if not transaction.left(self.repo) and not self.broken_pointers():
            figures.recoveries += 1

    @property
    def repo(self) -> Repo:
        return Repo.discover(self.story.path)

    def _unlock(self) -> None:
        """What Git tells its user to do when one of its own processes was killed, as here; CPV's own locks stay."""
        for lock in (self.story.path / ".git").rglob("*.lock"):
            if "cpv" not in lock.parts:
                lock.unlink()

    def _status(self) -> None:
        self.story.git("status")
        self.story.dvc_status()

    def _commit(self) -> None:
        self.story.git("add", "-A")
        self._git("commit", "-q", "--allow-empty", "-m", "after")

    def _push(self) -> None:
        self._git("push", "-q", "--force", "origin", "HEAD:refs/heads/work", "--tags")

    def _git(self, *words: str) -> None:
        done = self.story.git(*words, status=None)
        if done.status and AGAIN in done.text:
            done = self.story.git(*words, status=None)
        assert done.status == 0, done.text

    def _recover(self) -> None:
        transaction.recover(self.repo)

    def _operate(self) -> None:
        self.story.python("-c", DRIVER, "", self.operation.call)

    def _train_and_operate(self) -> None:
        self.story.git("checkout", "-qf", "main")
        self.operation.again(self.story)
        self._operate()
        if not (self.story.path / ".git/cpv/install.json").exists():
            install(self.repo)

    # Counting

    def count(self, figures: Figures) -> None:
        figures.lost += self.lost()
        figures.without_data += self.without_data()
        for shell in (self.story, self.host):
            done = shell.git("fsck", "--full", "--strict", "--no-dangling", "--no-progress", status=None)
            figures.fsck += [done.text] if done.status or done.err else []

    def lost(self) -> list[str]:
        """Contents that stood in an artifact and are nowhere."""
        files = (path for path in self.story.path.rglob("*") if path.is_file() and ".git" not in path.parts)
        here = {path.read_bytes() for path in files} | {(self.story.path.parent / "new.bin").read_bytes()}
        return [repr(content) for content in self.story.written if content not in here]

    def without_data(self) -> list[str]:
        """Refs on the host one of whose pointers names what the remote has not."""
        stored = self.operation.stored(self.story)
        found = []
        for line in self.host.git("for-each-ref", "--format=%(refname)").lines:
            for name in self.host.git("ls-tree", "-r", "--name-only", line).lines:
                if name.endswith(".dvc"):
                    oid = str(yaml.safe_load(self.host.git("show", f"{line}:{name}").out)["outs"][0]["md5"])
                    found += [f"{line}: {name}"] if not self._is_stored(oid, stored) else []
        return found

    def _is_stored(self, oid: str, stored: Collection[str]) -> bool:
        if oid not in stored or not oid.endswith(".dir"):
            return oid in stored
        listing = self.story.path / ".dvc/cache/files/md5" / oid[:2] / oid[2:]
        return all(str(row["md5"]) in stored for row in yaml.safe_load(listing.read_text()))

    def broken_pointers(self) -> list[str]:
        try:
            self.story.pointers_are_true()
        except AssertionError as error:
            return [str(error)]
        return []


def duration(world: World) -> tuple[list[str], float]:
    """The steps of an operation that runs to its end, and how long it takes from its first one, in seconds."""
    command = [sys.executable, "-c", DRIVER, "", world.operation.call]
    with subprocess.Popen(
        command, cwd=world.story.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        steps = [process.stdout.readline().strip()]
        begun = time.monotonic()
        rest, errors = process.communicate()
        assert process.returncode == 0, errors
    return [*steps, *rest.split("\n")[:-1]], time.monotonic() - begun


@contextmanager
def counted(what: str, capfd: pytest.CaptureFixture[str], of: str = "kills") -> Iterator[Figures]:
    """Counts, prints and checks."""
    figures, begun = Figures(of), time.monotonic()
    yield figures
    with capfd.disabled():
        print("\n" + figures.line(what, time.monotonic() - begun))
    figures.check()
