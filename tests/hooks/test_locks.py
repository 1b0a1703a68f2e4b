"""Locks: one process at a time per work tree, and DVC's own lock is waited for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from cpv_hooks.system import locks
from cpv_hooks.system.dvc_lock import holding_dvc, wait_for_dvc
from cpv_hooks.system.locks import Busy, locked
from support.shell import Shell

HOLD = """
import sys, pathlib
from cpv_hooks.system.locks import locked
with locked(pathlib.Path(sys.argv[1]), wait=False, say="testing"):
    print("held", flush=True)
    sys.stdin.read()
"""
HOLD_DVC = """
import sys
from dvc.lock import make_lock
with make_lock(sys.argv[1], tmp_dir=sys.argv[2], hardlink_lock=sys.argv[3:] == ["link"]):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(code: str, *args: str | Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", code, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin and process.stdout
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def release_when_said(process: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the lock go as soon as somebody who waits for it has said so."""
    say = locks.announce

    def then_release(line: str) -> None:
        say(line)
        assert process.stdin
        process.stdin.close()

    monkeypatch.setattr(locks, "announce", then_release)


def test_a_second_process_that_does_not_wait_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "state" / "lock"
    with holder(HOLD, path), pytest.raises(Busy) as caught, locked(path, wait=False, say="syncing this work tree"):
        pass
    assert str(caught.value) == (
        f"{path}: another process is syncing this work tree; fix: wait for it, then repeat the command"
    )
    with locked(path, wait=False, say="x"):
        pass


def test_a_second_process_that_waits_gets_it_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    with holder(HOLD, path) as process:
        release_when_said(process, monkeypatch)
        with locked(path, wait=True, say="syncing this work tree"):
            assert process.stdin is not None
            assert process.stdin.closed
    assert capsys.readouterr().err == "cpv: waiting for another process that is syncing this work tree\n"


def test_it_gives_up_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "GIVE_UP", 0.1)
    path = tmp_path / "lock"
    with holder(HOLD, path), pytest.raises(Busy), locked(path, wait=True, say="x"):
        pass


def test_a_killed_holder_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder(HOLD, path) as process:
        process.kill()
        process.wait()
        with locked(path, wait=False, say="x"):
            pass


def test_it_is_free_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(ZeroDivisionError), locked(path, wait=False, say="x"):
        raise ZeroDivisionError
    with locked(path, wait=False, say="x"):
        pass


@pytest.fixture
def dvc_root(shell: Shell) -> Shell:
    shell.git("init", "-q")
    shell.dvc("init", "-q")
    return shell


def test_nobody_holds_dvcs_lock(dvc_root: Shell) -> None:
    wait_for_dvc(dvc_root.path, wait=False)
    dvc_root.write(".dvc/tmp/lock", "12345\n")  # left by a DVC that is gone
    wait_for_dvc(dvc_root.path, wait=False)


def test_dvc_at_work_is_named(dvc_root: Shell) -> None:
    tmp = dvc_root.path / ".dvc/tmp"
    with holder(HOLD_DVC, tmp / "lock", tmp) as process:
        with pytest.raises(Busy) as caught:
            wait_for_dvc(dvc_root.path, wait=False)
        assert str(caught.value) == (
            f"{dvc_root.path}: DVC is running here (process {process.pid}); fix: wait for it, then repeat the command"
        )
        assert (tmp / "lock").read_text().split()[0] == str(process.pid)
    wait_for_dvc(dvc_root.path, wait=False)


@pytest.mark.parametrize("kind", [(), ("link",)], ids=["file", "link"])
def test_dvc_is_waited_for(
    dvc_root: Shell, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, kind: tuple[str, ...]
) -> None:
    tmp = dvc_root.path / ".dvc/tmp"
    with holder(HOLD_DVC, tmp / "lock", tmp, *kind) as process:
        release_when_said(process, monkeypatch)
        wait_for_dvc(dvc_root.path, wait=True)
        who = f"it holds {tmp}/lock" if kind else f"process {process.pid}"
        assert capsys.readouterr().err == f"cpv: waiting for DVC ({who})\n"


def test_a_dvc_that_is_our_own_ancestor_is_not_waited_for(dvc_root: Shell) -> None:
    """`dvc repro` holds the lock while its stage runs, and the stage may commit."""
    tmp = dvc_root.path / ".dvc/tmp"
    code = """
import subprocess, sys
from dvc.lock import make_lock
child = (
    "import pathlib, sys; from cpv_hooks.system import dvc_lock; "
    "dvc_lock.wait_for_dvc(pathlib.Path(sys.argv[1]), wait=False)"
)
with make_lock(sys.argv[1], tmp_dir=sys.argv[2]):
    raise SystemExit(subprocess.call([sys.executable, "-c", child, sys.argv[3]]))
"""
    dvc_root.python("-c", code, tmp / "lock", tmp, dvc_root.path)


def test_dvc_at_work_with_a_lock_that_is_a_link(dvc_root: Shell) -> None:
    """`core.hardlink_lock`: nothing tells who holds it, and a DVC that is killed leaves it."""
    tmp = dvc_root.path / ".dvc/tmp"
    with holder(HOLD_DVC, tmp / "lock", tmp, "link") as process:
        for _ in range(2):
            with pytest.raises(Busy) as caught:
                wait_for_dvc(dvc_root.path, wait=False)
            assert str(caught.value) == (
                f"{dvc_root.path}: DVC is running here (it holds {tmp}/lock); "
                f"fix: wait for it, then repeat the command; if no dvc is running, rm {tmp}/lock"
            )
            process.kill()
            process.wait()
    (tmp / "lock").unlink()
    wait_for_dvc(dvc_root.path, wait=False)


def test_many_processes_one_at_a_time(tmp_path: Path) -> None:
    code = """
import pathlib, sys
from cpv_hooks.system.locks import locked
path = pathlib.Path(sys.argv[1])
for _ in range(25):
    with locked(path / "lock", wait=True, say="counting"):
        count = int((path / "count").read_text())
        (path / "count").write_text(str(count + 1))
"""
    (tmp_path / "count").write_text("0")
    processes = [subprocess.Popen([sys.executable, "-c", code, tmp_path]) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert (tmp_path / "count").read_text() == "100"


def test_dvc_is_kept_from_working_meanwhile(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    with holding_dvc(tmp_path):
        path = tmp_path / ".dvc/tmp/lock"
        done = Shell(tmp_path).python("-c", HOLD_DVC, path, tmp_path, status=1)
        assert "LockError" in done.err
    with holder(HOLD_DVC, path, tmp_path):
        pass


def test_dvc_is_kept_from_working_by_a_lock_that_is_a_link(tmp_path: Path) -> None:
    """Nothing is left that would keep DVC out afterwards, nor anything that would keep CPV out before."""
    from dvc.lock import LockError, make_lock

    path = tmp_path / ".dvc/tmp/lock"
    path.parent.mkdir(parents=True)
    path.write_text(" 12345\n")  # from before `core.hardlink_lock` was set
    with holding_dvc(tmp_path, by_link=True), pytest.raises(LockError):
        make_lock(str(path), tmp_dir=str(path.parent), hardlink_lock=True).lock(timedelta(0))
    assert list(path.parent.iterdir()) == []
    with holder(HOLD_DVC, path, path.parent, "link"):
        pass


def test_dvc_that_waits_for_us_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / ".dvc/tmp/lock"
    with locked(path, wait=True, say="testing"):
        path.write_text(f" {os.getppid()}\n")
        with pytest.raises(Busy) as caught, holding_dvc(tmp_path):
            pass
    assert str(caught.value) == f"{tmp_path}: DVC runs this command itself; fix: repeat it when DVC is done"
