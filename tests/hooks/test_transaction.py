"""Transactions: done, undone when a step fails, and undone by another process after a kill."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cpv_hooks.errors import CPVError
from cpv_hooks.git.index import index_entries, set_index_entries
from cpv_hooks.git.repo import Repo
from cpv_hooks.recovery import undo_git, undo_install
from cpv_hooks.recovery.transaction import begin_transaction, left, pending, recover
from support.shell import Shell


@pytest.fixture
def repo(shell: Shell) -> Repo:
    shell.git("init", "-q")
    shell.write("a.txt", "one\n")
    shell.git("add", "-A")
    shell.git("commit", "-qm", "first")
    return Repo.discover(shell.path)


def folder(repo: Repo) -> Path:
    return repo.shared / "journal"


def die_in(shell: Shell, body: str) -> None:
    """Run a transaction in a process of its own, which ends without a word in the middle of it."""
    code = f"""
import os
from pathlib import Path
from cpv_hooks.recovery import undo, undo_git, undo_head
from cpv_hooks.git.repo import Repo
from cpv_hooks.recovery.transaction import begin_transaction
repo = Repo.discover(Path.cwd())
with begin_transaction(repo, "test") as t:
    {body}
    os._exit(9)
"""
    shell.python("-c", code, status=9)


CHANGE = """t.step("write", [undo_git.file("a.txt", b"one\\n", b"two\\n")])
    (repo.top / "a.txt").write_bytes(b"two\\n")"""


# Doing and undoing


def test_a_transaction_that_is_done_leaves_nothing(repo: Repo) -> None:
    with begin_transaction(repo, "test") as transaction:
        transaction.step("write", [undo_git.file("new", None, b"x")])
        (repo.top / "new").write_bytes(b"x")
        [path] = folder(repo).iterdir()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (repo.top / "new").read_bytes() == b"x"
    assert not folder(repo).exists()


def test_an_exception_undoes_the_steps_the_last_one_first_and_says_so(repo: Repo) -> None:
    with pytest.raises(CPVError) as caught, begin_transaction(repo, "test") as transaction:
        transaction.step("look")
        transaction.step("write", [undo_git.file("a.txt", b"one\n", b"two\n")])
        (repo.top / "a.txt").write_bytes(b"two\n")
        transaction.step("again", [undo_git.file("a.txt", b"two\n", b"three\n")])
        (repo.top / "a.txt").write_bytes(b"three\n")
        raise CPVError("the disk is on fire", where="here", fix="water")
    assert str(caught.value) == "here: the disk is on fire (rolled back: again, write); fix: water"
    assert (repo.top / "a.txt").read_bytes() == b"one\n"
    assert not folder(repo).exists()


def test_an_interrupt_undoes_them_too(repo: Repo) -> None:
    with pytest.raises(KeyboardInterrupt), begin_transaction(repo, "test") as transaction:
        transaction.step("write", [undo_git.file("new", None, b"x")])
        (repo.top / "new").write_bytes(b"x")
        raise KeyboardInterrupt
    assert not (repo.top / "new").exists()


def test_an_undo_that_fails_keeps_the_journal_and_names_the_command(repo: Repo) -> None:
    lock = repo.git_dir / "index.lock"
    blob = repo.run("hash-object", "-w", "--stdin", input="x").strip()
    with pytest.raises(CPVError) as caught, begin_transaction(repo, "test") as transaction:
        transaction.step("stage", [undo_git.index({"b": (None, f"100644 {blob}")})])
        set_index_entries(repo, {"b": f"100644 {blob}"})
        lock.touch()
        raise CPVError("no")
    assert "no; and what was begun could not be undone: " in str(caught.value)
    assert str(caught.value).endswith("fix: dvc cpv recover")
    assert pending(repo)[0].steps == ("stage",)
    lock.unlink()
    assert [found.what for found in recover(repo)] == ["test"]
    assert index_entries(repo, ["b"]) == {}
    assert not folder(repo).exists()


# After a death


def test_what_a_dead_process_left_is_undone_once(repo: Repo, shell: Shell, capfd: pytest.CaptureFixture[str]) -> None:
    die_in(shell, 't.step("write", [undo_git.file("new", None, b"x")]); (repo.top / "new").write_bytes(b"x")')
    [found] = pending(repo)
    assert (found.what, found.steps) == ("test", ("write",))
    assert left(repo)
    assert recover(repo) == [found]
    assert not (repo.top / "new").exists()
    assert f"cpv: undid an interrupted test of {found.started[:19]} UTC" in capfd.readouterr().err
    assert recover(repo) == []
    assert not left(repo)


def test_a_step_that_was_being_written_down_did_not_begin(repo: Repo, shell: Shell) -> None:
    die_in(shell, 't.step("write", [undo_git.file("new", None, b"x")])')
    [path] = folder(repo).iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    assert pending(repo)[0].steps == ()
    (repo.top / "new").write_bytes(b"x")
    recover(repo)
    assert (repo.top / "new").exists()


def test_a_transaction_that_never_began_is_cleared_away(repo: Repo) -> None:
    folder(repo).mkdir(parents=True)
    (folder(repo) / "half.new").touch()
    assert recover(repo) == []
    assert not folder(repo).exists()


def test_a_live_transaction_is_left_alone_and_waited_for(repo: Repo, shell: Shell) -> None:
    with begin_transaction(repo, "test") as transaction:
        transaction.step("write", [undo_git.file("new", None, b"x")])
        (repo.top / "new").write_bytes(b"x")
        assert not left(repo)
        assert recover(repo, wait=False) == []
        code = (
            "from cpv_hooks.git.repo import Repo; from cpv_hooks.recovery.transaction import left; "
            "print(left(Repo.discover()))"
        )
        assert shell.python("-c", code).out == "False\n"
    assert (repo.top / "new").exists()


def test_a_git_command_that_outlives_its_process_holds_the_journal(repo: Repo, shell: Shell) -> None:
    """What it is still doing must not be undone under its feet."""
    pipe = shell.path / ".git/pipe"
    os.mkfifo(pipe)
    hook = shell.write(".git/hooks/commit-msg", f"#!/bin/sh\ntouch .git/there\nread x <{pipe}\n")
    hook.chmod(0o755)
    code = (
        "import os, threading; from cpv_hooks.git.repo import Repo\n"
        "from cpv_hooks.recovery.transaction import begin_transaction\n"
        "repo = Repo.discover()\n"
        "def die():\n"
        "    while not os.path.exists('.git/there'): pass\n"
        "    os._exit(9)\n"
        "threading.Thread(target=die).start()\n"
        "with begin_transaction(repo, 'test') as t:\n"
        "    t.step('commit'); repo.run('commit', '--allow-empty', '-m', 'x')\n"
    )
    shell.python("-c", code, status=9)
    assert not left(repo)
    pipe.write_text("go\n")
    subprocess.run(
        [
            "sh",
            "-c",
            "while [ ! -f .git/COMMIT_EDITMSG ] || [ -d .git/cpv/journal ]; do "
            f"{sys.executable} -c 'from cpv_hooks.git.repo import Repo; "
            "from cpv_hooks.recovery.transaction import recover; "
            "recover(Repo.discover())'; done",
        ],
        cwd=shell.path,
        check=True,
        timeout=30,
    )
    assert not folder(repo).exists()


def test_a_kill_while_recovering_is_recovered_by_the_next(repo: Repo, shell: Shell) -> None:
    die_in(
        shell,
        't.step("one", [undo_git.file("a.txt", b"one\\n", b"two\\n")]); (repo.top / "a.txt").write_bytes(b"two\\n");'
        't.step("two", [undo_git.file("new", None, b"x")]); (repo.top / "new").write_bytes(b"x")',
    )
    code = (
        "import os; from cpv_hooks.recovery import undo, transaction as journal; from cpv_hooks.git.repo import Repo\n"
        "first = undo.undo_file\n"
        "def once(*args):\n    first(*args)\n    os._exit(9)\n"
        "undo.undo_file = once\n"
        "journal.recover(Repo.discover())\n"
    )
    shell.python("-c", code, status=9)
    assert not (repo.top / "new").exists()
    assert (repo.top / "a.txt").read_bytes() == b"two\n"
    assert recover(repo)[0].steps == ("one", "two")
    assert (repo.top / "a.txt").read_bytes() == b"one\n"


def test_another_work_tree_undoes_what_was_left_in_one(repo: Repo, shell: Shell) -> None:
    shell.git("worktree", "add", "-q", "../other")
    other = Shell(shell.path.parent / "other")
    die_in(other, 't.step("write", [undo_git.file("a.txt", b"one\\n", b"x")]); (repo.top / "a.txt").write_bytes(b"x")')
    assert len(recover(repo)) == 1
    assert other.read("a.txt") == b"one\n"
    assert shell.read("a.txt") == b"one\n"


def undoing(action: object) -> str:
    return "{}\n" + json.dumps({"step": "x", "undo": [action]}) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        "junk\n",
        '{"what": 1}\n[]\n',
        '{}\n{"step": "x"}\n',
        "[]\n",
        undoing(5),
        undoing({"do": "file", "path": "a.txt"}),
        undoing(undo_git.file("a.txt", b"x", None) | {"before": "no base64"}),
        *(undoing(undo_git.file(name, None, b"x")) for name in ("../up", "/etc/passwd", "", "a/../../b")),
        *(undoing(undo_install.git_file(name, None, b"x", 0o644)) for name in ("../up", "/etc/passwd", "")),
        undoing(undo_install.move("hooks/a", "../b")),
        undoing(undo_install.setting("a\0.b", ["x"], None)),
    ],
)
def test_a_journal_that_cannot_be_read_is_named(repo: Repo, text: str) -> None:
    folder(repo).mkdir(parents=True)
    path = folder(repo) / "x.json"
    path.write_text(text)
    with pytest.raises(CPVError) as caught:
        recover(repo)
    assert str(caught.value) == (
        f"{path}: a journal that cannot be read, so its operation stays half-done; fix: rm {path}, then dvc cpv sync"
    )


def test_an_undo_that_git_refuses_is_named_with_what_to_do(repo: Repo, shell: Shell) -> None:
    die_in(shell, 't.step("set", [{"do": "setting", "key": "nosection", "before": ["x"], "after": None}])')
    (path,) = folder(repo).iterdir()
    with pytest.raises(CPVError) as caught:
        recover(repo)
    assert str(caught.value) == (
        f"{shell.path}: git config failed: error: key does not contain a section: nosection; "
        f"fix: fix that, then dvc cpv recover; or rm {path}, then dvc cpv sync"
    )
    assert left(repo)


def test_a_journal_of_another_version_is_named(repo: Repo, shell: Shell) -> None:
    die_in(shell, 't.step("write", [{"do": "magic"}])')
    with pytest.raises(CPVError, match=r"a journal of another version of CPV \('magic'\); fix: pip install -U"):
        recover(repo)
    assert left(repo)


def test_the_command_says_what_it_did(repo: Repo, shell: Shell) -> None:
    assert "cpv: nothing was left half-done" in shell.cpv("recover").err
    die_in(shell, 't.step("write", [undo_git.file("new", None, b"x")]); (repo.top / "new").write_bytes(b"x")')
    assert "cpv: undid an interrupted test of " in shell.cpv("recover").err
    assert not (repo.top / "new").exists()


# What stays: the user's


def test_a_file_that_the_user_changed_since_stays(repo: Repo, shell: Shell) -> None:
    die_in(
        shell,
        't.step("write", [undo_git.file("a.txt", b"one\\n", b"two\\n")]); (repo.top / "a.txt").write_bytes(b"two\\n")',
    )
    shell.write("a.txt", "mine\n")
    recover(repo)
    assert shell.read("a.txt") == b"mine\n"


def test_a_file_that_the_user_committed_since_stays(repo: Repo, shell: Shell) -> None:
    die_in(
        shell,
        't.step("write", [undo_git.file("a.txt", b"one\\n", b"two\\n")]); (repo.top / "a.txt").write_bytes(b"two\\n")',
    )
    shell.git("commit", "-qam", "mine")
    recover(repo)
    assert shell.read("a.txt") == b"two\n"
    assert shell.changes() == []


def test_no_secret_is_written_down(repo: Repo, shell: Shell) -> None:
    shell.write(".dvc/config.local", "['remote \"s\"']\n    secret_access_key = hush\n")
    seen: list[str] = []
    with begin_transaction(repo, "test") as transaction:
        transaction.step("write", [undo_git.file("a.txt", b"one\n", b"two\n")])
        seen += [path.read_text() for path in folder(repo).iterdir()]
    assert "hush" not in "".join(seen)
    assert json.loads(seen[0].splitlines()[1])["step"] == "write"
