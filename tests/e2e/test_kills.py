"""SIGKILL at the two moments in which a plain Git command is between two states because of CPV."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e.story import Story

pytestmark = pytest.mark.real_hooks

PATIENCE = 60.0  # seconds until a condition that must come is given up


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another process does."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


def head(story: Story) -> str:
    return (story.path / ".git/HEAD").read_text()


@contextmanager
def commit_that_waits_in_the_detour(story: Story) -> Iterator[subprocess.Popen[bytes]]:
    """Git opens the message after the pre-commit hook: a lease on the file (fcntl(2)) holds it inside the detour."""
    message = story.path.parent / "message"
    message.write_text("third\n")
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)  # it says that somebody wants to open the file
    with open(message, "r+b") as held:
        fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        process = subprocess.Popen(
            ["git", "commit", "-F", str(message)], cwd=story.path, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        until(lambda: "cpv/pending" in head(story))
        yield process
    signal.signal(signal.SIGIO, before)


def test_git_killed_in_the_detour_is_healed_by_itself(story: Story) -> None:
    story.put("model.bin", "model 3\n")
    before = story.head()
    with commit_that_waits_in_the_detour(story) as process:
        process.kill()
        process.communicate()
    until(lambda: head(story) == "ref: refs/heads/main\n")
    assert story.head() == before
    story.git("commit", "-qm", "third")
    assert story.saved("model.bin", "model 3\n")
    story.check()


def test_git_and_the_watcher_killed_in_the_detour_are_healed_by_the_next_command(story: Story) -> None:
    story.put("model.bin", "model 3\n")
    before = story.head()
    with commit_that_waits_in_the_detour(story) as process:
        until(lambda: bool(watchers(story)))
        for watcher in watchers(story):
            os.kill(watcher, signal.SIGKILL)
        process.kill()
        process.communicate()
    assert "cpv/pending" in head(story)
    story.git("commit", "-qm", "third", status=None)
    assert head(story) == "ref: refs/heads/main\n"
    story.git("commit", "-qm", "third", status=None)
    assert story.git("rev-parse", "HEAD^").out.strip() == before
    assert story.saved("model.bin", "model 3\n")
    story.check()


def watchers(story: Story) -> list[int]:
    """The processes that wait for a Git in the detour: they run in the repository and lead a session of their own."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and (folder / "cwd").resolve() == story.path.resolve():
                command = (folder / "cmdline").read_bytes()
                if b"cpv_hooks" in command and os.getsid(int(folder.name)) == int(folder.name):
                    found.append(int(folder.name))
        except (OSError, ProcessLookupError):
            continue
    return found


def test_a_checkout_killed_half_way_through_a_folder_is_finished(story: Story) -> None:
    for number in range(1500):
        story.put(f"data/{number}.csv", f"third {number}\n")
    story.git("commit", "-qam", "third") if story.live else story.git("commit", "-qm", "third")
    for number in range(1500):
        story.put(f"data/{number}.csv", f"forth {number}\n")
    story.git("commit", "-qm", "fourth")
    process = subprocess.Popen(
        ["git", "checkout", "-q", "HEAD^"],
        cwd=story.path,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    index = story.path / ".git/cpv/index.json"
    until(lambda: json.loads(index.read_text())["entries"]["data"]["placing"] is not None)
    until(lambda: (story.path / "data/100.csv").read_text().startswith("third") or process.poll() is not None)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    story.run("dvc", "cpv", "sync")
    third = {f"third {number}\n" for number in range(1500)}
    assert {(story.path / f"data/{number}.csv").read_text() for number in range(1500)} == third
    story.nothing_is_lost()
    assert story.run("dvc", "cpv", "rescue", "list").out == ""
    story.git("checkout", "-qf", "main")
    assert story.read("data/7.csv") == b"forth 7\n"
    story.check()
