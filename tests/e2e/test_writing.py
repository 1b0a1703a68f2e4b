"""Artifacts that are being written: a status passes over them, a commit waits for the user."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from e2e.conftest import Tell
from e2e.story import Story, refused

WRITER = """
import sys, time
number = 0
with open(sys.argv[1], "r+b" if sys.argv[2] == "rewrite" else "ab", buffering=0) as stream:
    while True:
        number += 1
        if sys.argv[2] == "rewrite":
            stream.seek(0)
        stream.write(b"%06d" % number * 64)
        print(number, flush=True)
        time.sleep(0.001)
"""


@contextmanager
def training(story: Story, name: str, how: str = "append") -> Iterator[None]:
    """A job that writes into a file, all the time, and keeps it open."""
    job = subprocess.Popen([sys.executable, "-c", WRITER, story.path / name, how], stdout=subprocess.PIPE)
    try:
        assert job.stdout is not None
        job.stdout.readline()
        yield
    finally:
        job.kill()
        job.communicate()
        story.written.add(story.read(name))


@pytest.mark.parametrize("how", ["append", "rewrite"])
def test_status_passes_over_what_is_being_written(live: Story, how: str) -> None:
    with training(live, "model.bin", how):
        done = live.git("status", "--porcelain")
        assert (done.out, done.err) == ("", "")
        live.put("metrics.log", "metrics 3\n")
        assert live.changes() == [" M metrics.log.dvc"], "the others are looked at"
    live.git("commit", "-qam", "after the job")
    live.check()


@pytest.mark.parametrize("mode", ["live", "shims", "pre-commit"])
@pytest.mark.parametrize("name", ["model.bin", "data/a.csv"])
def test_commit_is_refused_while_an_artifact_is_being_written(tell: Tell, mode: str, name: str) -> None:
    story = tell(mode)
    before = story.head()
    # Large enough that the file changes while it is read.
    story.write(name, b"x" * (8 << 20))
    with training(story, name):
        refused(story.git("commit", "-m", "torn", status=1), name, "is being written")
    assert (story.head(), story.branch()) == (before, "main")
    assert not (story.path / ".git/cpv/detour").exists()
    story.git("commit", "-qm", "whole")
    assert story.saved(name, story.read(name).decode()) if name == "model.bin" else True
    story.check()


def test_code_can_be_committed_while_a_job_writes(live: Story) -> None:
    """A path-limited commit takes no artifact, so that it need not wait for one."""
    live.write("train.py", "print('next')\n")
    live.write("model.bin", b"x" * (8 << 20))
    with training(live, "model.bin"):
        live.git("commit", "-qm", "code", "--", "train.py")
    assert live.git("diff", "--name-only", "HEAD^", "HEAD").lines == ["train.py"]


def test_status_leaves_a_job_undisturbed(live: Story) -> None:
    """The file stays the same file, and every byte that the job wrote is there."""
    inode = (live.path / "metrics.log").stat().st_ino
    with training(live, "metrics.log"):
        for _ in range(3):
            live.git("status")
    assert (live.path / "metrics.log").stat().st_ino == inode
    content = live.read("metrics.log").removeprefix(b'{"loss": 1}\n{"loss": 2}\n')
    last = len(content) // (6 * 64)
    assert content[: last * 6 * 64] == b"".join(b"%06d" % number * 64 for number in range(1, last + 1))


def test_log_that_stays_open_but_quiet_is_committed(live: Story) -> None:
    """A job between two epochs keeps its log open; the commit takes what is there."""
    with open(live.path / "metrics.log", "ab", buffering=0) as log:
        log.write(b'{"loss": 3}\n')
        live.git("commit", "-qm", "while the log is open")
        assert live.saved("metrics.log", '{"loss": 1}\n{"loss": 2}\n{"loss": 3}\n')
    live.check()


def test_status_has_a_budget_of_bytes_to_hash(tell: Tell) -> None:
    story = tell("live", settings="[status]\nhash_budget = 1000000\n")
    story.put("model.bin", b"x" * 2_000_000)
    done = story.git("status", "--porcelain")
    assert done.out == ""
    assert "model.bin" in done.err
    assert "exceed hash_budget (1.0 MB)" in done.err
    assert done.err.count("\n") == 1
    story.git("commit", "-qm", "a commit looks at everything")
    story.check()


def test_add_and_commit_have_no_budget(tell: Tell) -> None:
    story = tell("live", settings="[status]\nhash_budget = 1000000\n")
    story.put("model.bin", b"x" * 2_000_000)
    story.git("add", "-A")
    assert story.git("diff", "--cached", "--name-only").lines == ["model.bin.dvc"]
    story.git("commit", "-qm", "third")
    story.check()


@pytest.mark.compatibility("DVC", "a DVC that is at work")
def test_commit_waits_for_dvc(story: Story) -> None:
    """`dvc repro` holds DVC's lock; a commit waits for it and never breaks it."""
    code = (
        "import sys, time\nfrom dvc.repo import Repo\nrepo = Repo()\n"
        "with repo.lock:\n    print('held', flush=True)\n    time.sleep(1)\n    open('released', 'w').close()\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], cwd=story.path, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    started = time.monotonic()
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    assert (story.path / "released").exists(), f"committed after {time.monotonic() - started} s, under the lock"
    holder.communicate()
    (story.path / "released").unlink()
    story.check()


# Half a file, and a pause

PAUSED = """
import os, sys
with open(sys.argv[1], sys.argv[2], buffering=0) as stream:
    stream.write(b"half of ")
    if len(sys.argv) > 3:
        os.utime(sys.argv[1], (1e9, 1e9))
    print("written", flush=True)
    sys.stdin.readline()
    stream.write(b"it\\n")
"""


@contextmanager
def paused(story: Story, name: str, mode: str = "wb", *more: str) -> Iterator[int]:
    """A job that has written half of a file and has it open."""
    command = [sys.executable, "-c", PAUSED, story.path / name, mode, *more]
    job = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert job.stdout is not None
        job.stdout.readline()
        yield job.pid
    finally:
        job.communicate(b"\n")
        story.written.add(story.read(name))


def open_line(name: str, pid: int, fix: str) -> str:
    what = f"open for writing by python3 (process {pid}), so it may not be complete"
    return f"{name}: {what}; fix: wait until its writer has closed it, then commit{fix}"


def said_open(text: str) -> str:
    """With the names that an interpreter can have."""
    return re.sub(r"by python[0-9.]* ", "by python3 ", text)


@pytest.mark.parametrize("mode", ["live", "shims", "pre-commit"])
@pytest.mark.parametrize("name", ["model.bin", "data/a.csv"])
def test_a_commit_says_that_a_file_is_open(tell: Tell, mode: str, name: str) -> None:
    story = tell(mode)
    with paused(story, name) as pid:
        story.git("add", "-A")
        done = story.git("commit", "-qm", "half", status=None)
        if done.status:  # pre-commit alone asks for it twice
            done = story.git("commit", "-qm", "half")
        assert said_open(done.text).count(open_line(name, pid, " again")) == 1, done.text
        story.write("train.py", "print('next')\n")
        assert "open for writing" not in story.git("commit", "-qam", "code").text, "what is committed is known by now"
    done = story.git("commit", "-qam", "whole", status=None)
    assert "open for writing" not in done.text
    assert story.git("show", f"HEAD:{name.split('/')[0]}.dvc").text
    story.check()


def test_a_commit_of_what_dvc_added_says_it_too(tell: Tell) -> None:
    """In a folder: a single file is another one after `dvc add`, which its writer does not have open."""
    story = tell("live", settings='[commit]\nopen_files = "stop"\n')
    with paused(story, "data/a.csv") as pid:
        story.dvc("add", "-q", "data")
        story.git("add", "-A")
        assert open_line("data/a.csv", pid, "") in said_open(story.git("commit", "-qm", "half", status=1).text)
    story.git("commit", "-qm", "whole")
    story.check()


@pytest.mark.parametrize("mode", ["live", "shims"])
def test_a_pause_of_hours_and_a_status_in_between(tell: Tell, mode: str) -> None:
    """The snapshot may be `git status`'s own, long before the commit."""
    story = tell(mode)
    with paused(story, "model.bin", "wb", "old") as pid:
        story.git("status")
        story.git("add", "-A")
        assert open_line("model.bin", pid, " again") in said_open(story.git("commit", "-qm", "half").text)
    with paused(story, "model.bin", "wb", "old"):
        story.git("status")
    assert "open for writing" not in story.git("commit", "-qam", "closed before the commit").text
    story.check()


def test_a_cache_that_cannot_be_made_is_no_writer(tell: Tell) -> None:
    story = tell("live")
    story.dvc("cache", "dir", "--local", "/proc/nowhere/cache")
    story.put("model.bin", "model 3\n")
    done = story.git("commit", "-qam", "third", status=1)
    assert "/proc/nowhere" in done.err and "written" not in done.err


@pytest.mark.parametrize("mode", ["live", "shims", "pre-commit"])
def test_a_commit_can_be_made_to_stop_at_an_open_file(tell: Tell, mode: str) -> None:
    story = tell(mode, settings='[commit]\nopen_files = "stop"\n')
    head = story.head()
    with paused(story, "model.bin") as pid:
        assert open_line("model.bin", pid, "") in said_open(story.git("commit", "-qam", "half", status=1).text)
        assert story.head() == head
        if mode != "pre-commit":  # which sets the changed pointer aside
            story.write("train.py", "print('next')\n")
            story.git("commit", "-qm", "code", "--", "train.py")
    story.git("add", "-A")
    story.git("commit", "-qm", "whole")
    story.check()


@pytest.mark.parametrize(("name", "how"), [("metrics.log", "wb"), ("metrics.log", "ab"), ("data/log.csv", "ab")])
def test_a_log_is_no_file_that_is_being_filled(tell: Tell, name: str, how: str) -> None:
    story = tell("live", settings='[commit]\nopen_files = "stop"\n')
    with paused(story, name, how):
        assert "open for writing" not in story.git("commit", "-qam", "while the log is open").text
    story.git("commit", "-qam", "the rest")
    story.check()
