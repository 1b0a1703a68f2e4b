from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from cpv_hooks.errors import CPVError
from cpv_hooks.transfer.objects.upload_queue import Queue

A, B, C = "a" * 40, "b" * 40, "c" * 40
REMOTE = "s3://bucket/team"


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    return Queue(tmp_path / "cpv" / "queue.db")


def commits(queue: Queue, root: str | None = None) -> list[str]:
    return [item.commit for item in queue.pending(root)]


def test_nothing_is_made_by_looking(queue: Queue) -> None:
    assert queue.pending() == []
    assert queue.verified(REMOTE, ["x"]) == set()
    assert not queue.path.parent.exists()


def test_commits_wait_in_order_until_they_are_done(queue: Queue) -> None:
    queue.add(".", [A], "commit")
    queue.add(".", [B], "tag v1.0")
    queue.add("models/x", [A], "commit")
    queue.add(".", [A], "tag v0.9")  # known already: the first reason stays
    assert commits(queue) == [A, B, A]
    assert commits(queue, ".") == [A, B]
    assert queue.pending(".")[0].why == "commit"
    queue.done(".", [A])
    assert commits(queue, ".") == [B]
    assert commits(queue, "models/x") == [A]


def test_a_failure_is_remembered(queue: Queue) -> None:
    queue.add(".", [A], "commit")
    assert queue.pending()[0].tried is None
    queue.failed(".", [A], "no network")
    (item,) = queue.pending()
    assert item.error == "no network"
    assert item.tried is not None and item.tried >= item.since


def test_verified_objects_by_remote(queue: Queue) -> None:
    sizes: dict[str, int | None] = {f"{number:032x}": number for number in range(1200)}
    queue.record(REMOTE, sizes)
    queue.record(REMOTE, {"unsized": None})
    assert queue.verified(REMOTE, [*sizes, "other"]) == set(sizes)
    assert queue.verified("s3://elsewhere", list(sizes)) == set()
    queue.forget(REMOTE, [f"{1:032x}"])
    assert f"{1:032x}" not in queue.verified(REMOTE, list(sizes))
    queue.forget(REMOTE)
    assert queue.verified(REMOTE, list(sizes)) == set()


WRITER = """
import sys
from pathlib import Path
from cpv_hooks.transfer.objects.upload_queue import Queue
queue = Queue(Path(sys.argv[1]))
for number in range(25):
    queue.add(".", [f"{sys.argv[2]}{number:039x}"], "commit")
    queue.record("remote", {f"{sys.argv[2]}{number:031x}": number})
"""


def writers(queue: Queue, names: str) -> list[tuple[int, str]]:
    running = [
        subprocess.Popen([sys.executable, "-c", WRITER, queue.path, name], stderr=subprocess.PIPE, text=True)
        for name in names
    ]
    return [(process.wait(), process.communicate()[1]) for process in running]


def test_several_processes_share_it(queue: Queue) -> None:
    assert writers(queue, "1234") == [(0, "")] * 4
    assert len(queue.pending()) == 100
    assert len(set(commits(queue))) == 100


def damage(queue: Queue) -> None:
    queue.path.parent.mkdir(exist_ok=True)
    queue.path.write_bytes(b"this is not a database" * 500)


def test_a_damaged_file_is_moved_aside(queue: Queue, capsys: pytest.CaptureFixture[str]) -> None:
    damage(queue)
    queue.add(".", [A], "commit")
    assert commits(queue) == [A]
    (aside,) = queue.path.parent.glob("queue.db.damaged-*")
    assert aside.read_bytes().startswith(b"this is not a database")
    assert capsys.readouterr().err == (
        f"cpv: warning: {queue.path}: the upload queue is damaged; kept as {aside.name}, "
        "the next push finds what is not uploaded\n"
    )


def test_a_damaged_page_is_noticed(queue: Queue) -> None:
    queue.record(REMOTE, {f"{number:032x}": number for number in range(5000)})
    data = bytearray(queue.path.read_bytes())
    data[4096 : len(data) - 4096] = b"\xff" * (len(data) - 8192)
    queue.path.write_bytes(data)
    queue.add(".", [A], "commit")
    queue.record(REMOTE, {f"{number:032x}": number for number in range(5000)})
    assert commits(queue) == [A]
    assert list(queue.path.parent.glob("queue.db.damaged-*"))


def test_several_processes_meet_a_damaged_file(queue: Queue) -> None:
    damage(queue)
    ends = writers(queue, "123")
    assert [status for status, _ in ends] == [0, 0, 0], ends
    assert len(list(queue.path.parent.glob("queue.db.damaged-*"))) == 1
    assert len(queue.pending()) == 75


def test_a_kill_in_a_transaction_leaves_the_old_state(queue: Queue) -> None:
    queue.add(".", [A], "commit")
    code = """
import os, signal, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("pragma cache_size = 1")
db.execute("begin immediate")
db.executemany("insert into verified values ('r', ?, 1, 1)", [(f"{n:032x}",) for n in range(5000)])
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code, queue.path], check=False).returncode == -9
    assert commits(queue) == [A]
    assert queue.verified("r", [f"{5:032x}"]) == set()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "cpv").write_text("a file")
    with pytest.raises(CPVError) as caught:
        Queue(tmp_path / "cpv" / "queue.db").add(".", [A], "commit")
    said = f"{tmp_path}/cpv/queue.db: upload queue: there is a file where a folder should be; "
    assert str(caught.value) == f"{said}fix: mv {tmp_path}/cpv to another place, then repeat the command"


def test_a_lock_that_is_never_released(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    queue.add(".", [A], "commit")
    monkeypatch.setattr("cpv_hooks.transfer.objects.upload_queue.BUSY_SECONDS", 0.1)
    holder = sqlite3.connect(queue.path, isolation_level=None)
    holder.execute("begin exclusive")
    with pytest.raises(CPVError, match="database is locked; fix: wait for the other process, then dvc cpv sync"):
        queue.add(".", [B], "commit")
    holder.close()
    queue.add(".", [B], "commit")
    assert commits(queue) == [A, B]
    assert not list(queue.path.parent.glob("*.damaged-*"))


def test_sqlite_reads_it(queue: Queue) -> None:
    queue.add(".", [C], "commit")
    db = sqlite3.connect(queue.path)
    assert db.execute("select root, commit_id, why from pending").fetchall() == [(".", C, "commit")]
    db.close()
    assert os.listdir(queue.path.parent) == ["queue.db"]
