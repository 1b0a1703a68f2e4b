"""Files of CPV's own are opened without following a link."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks import state_files
from cpv_hooks.console import output
from cpv_hooks.dvcformat.pointer import Content
from cpv_hooks.errors import CPVError
from cpv_hooks.git.index import scratch_index
from cpv_hooks.git.repo import Repo
from cpv_hooks.project import trust
from cpv_hooks.recovery import journal_file
from cpv_hooks.system.atomic_files import write_atomic
from cpv_hooks.system.dvc_lock import holding_dvc
from cpv_hooks.system.locks import lock_at_once, locked
from cpv_hooks.system.signatures import Clock, stamp
from cpv_hooks.transfer.objects.upload_queue import Queue
from cpv_hooks.versions.tag_records import note_made
from cpv_hooks.worktree.rescue_list import record, rescues
from support.shell import Shell

HARMLESS = b"somebody's file\n"


def rescue(repo: Repo) -> None:
    record(repo, "model.bin", Content("0" * 32, 1), why="test")


def lock(repo: Repo) -> None:
    with locked(repo.state / state_files.LOCK, wait=True, say="testing"):
        pass


def hold_dvc(repo: Repo) -> None:
    with holding_dvc(repo.top):
        pass


def journals(repo: Repo) -> None:
    list(journal_file.dead(repo))


REFUSED: dict[str, Callable[[Repo], object]] = {
    f".git/cpv/{state_files.LOCK}": lock,
    f".git/cpv/{state_files.CLOCK}": lambda repo: Clock(repo.state / state_files.CLOCK).now(),
    f".git/cpv/{state_files.MADE}": lambda repo: note_made(repo, {"v0.0": "0" * 40}),
    f".git/cpv/{state_files.RESCUES}": rescue,
    f".git/cpv/{state_files.RESCUES_LOCK}": rescue,
    f".git/cpv/{state_files.QUEUE}": lambda repo: Queue.of(repo).add(".", ["0" * 40], "commit"),
    f".git/cpv/{state_files.JOURNAL}/x.json": journals,
    ".dvc/tmp/lock": hold_dvc,
}


@pytest.fixture
def harmless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("elsewhere") / "file"
    path.write_bytes(HARMLESS)
    os.utime(path, ns=(1, 1))
    return path


def is_untouched(path: Path) -> bool:
    return path.read_bytes() == HARMLESS and path.stat().st_mtime_ns == 1


@pytest.mark.parametrize("name", REFUSED)
def test_a_link_is_refused_in_one_line(shell: Shell, harmless: Path, name: str) -> None:
    shell.git("init", "-q")
    link = shell.path / name
    link.parent.mkdir(parents=True)
    link.symlink_to(harmless)
    with pytest.raises(CPVError, match="not a file of CPV's own but a link or a device") as raised:
        REFUSED[name](Repo.discover(shell.path))
    assert raised.value.where == str(link)
    assert raised.value.fix == f"rm {link} (CPV makes a new one)"
    assert is_untouched(harmless)


def test_a_link_that_leads_nowhere_is_refused_too(tmp_path: Path) -> None:
    link = tmp_path / "lock"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CPVError, match="a link or a device"), locked(link, wait=True, say="testing"):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_link_in_the_place_of_what_is_written_whole_is_replaced(tmp_path: Path, harmless: Path) -> None:
    names = ["atomic", "stamp", "index"]
    for name in names:
        (tmp_path / name).symlink_to(harmless)
    write_atomic(tmp_path / "atomic", b"new\n")
    stamp(tmp_path / "stamp", 1_000)
    with scratch_index(tmp_path / "index", tmp_path / "atomic"):
        assert not (tmp_path / "index").is_symlink()
    assert [name for name in names if (tmp_path / name).is_symlink()] == []
    assert (tmp_path / "stamp").stat().st_mtime_ns == 999
    assert is_untouched(harmless)


def test_the_lock_of_an_early_upload_is_not_followed(tmp_path: Path, harmless: Path) -> None:
    (tmp_path / "early-0.lock").symlink_to(harmless)
    assert lock_at_once(tmp_path / "early-0.lock") is None
    assert is_untouched(harmless)


def test_the_log_of_a_bug_is_not_written_through_a_link(harmless: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs = state_files.cpv_home() / state_files.LOGS
    logs.mkdir(parents=True)
    now = time.time()
    for second in range(60):
        moment = time.strftime("%Y%m%dT%H%M%S", time.localtime(now + second))
        (logs / f"bug-{moment}-{os.getpid()}.log").symlink_to(harmless)
    assert output.fail(ValueError("an error of CPV's own")) == output.EXIT_BUG
    assert capsys.readouterr().err == "cpv: bug: ValueError: an error of CPV's own (no log could be written)\n"
    assert is_untouched(harmless)


def test_a_commit_replaces_links_in_the_place_of_its_marks(make_repo: MakeRepo, harmless: Path) -> None:
    repo = make_repo(files={"model.bin": "model 1\n"})
    state = repo.path / ".git" / state_files.FOLDER
    marks = {*state_files.BY_SHIMS, state_files.SAID, state_files.SINCE, state_files.STAMP, state_files.WATCH}
    marks |= {state_files.HOOKS_SEEN, state_files.PUSHES_CHECKED, state_files.STAMP_WRITTEN, state_files.ONLY_CPV}
    for name in marks:
        (state / name).unlink(missing_ok=True)
        (state / name).symlink_to(harmless)
    repo.write("model.bin", "model 2\n")
    assert repo.git("status", "--porcelain").text == " M model.bin.dvc\n"
    assert repo.git("commit", "-qm", "second").text == "cpv: tagged v0.1\n"
    repo.write("train.py", "print()\n")
    repo.git("add", "train.py")
    assert repo.git("commit", "-qm", "code").text == ""
    assert is_untouched(harmless)


@pytest.mark.parametrize(
    "name", [state_files.INDEX, state_files.PROJECTS, state_files.HOOKS_SEEN, state_files.INSTALL, state_files.CONFIG]
)
def test_nobody_waits_at_a_pipe_in_the_place_of_a_file(make_repo: MakeRepo, name: str) -> None:
    repo = make_repo(files={"model.bin": "model 1\n"})
    folder = state_files.cpv_home() if name == state_files.CONFIG else repo.path / ".git" / state_files.FOLDER
    folder.mkdir(exist_ok=True)
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    repo.write("model.bin", "model 2\n")
    assert repo.git("status", "--porcelain", timeout=60).text == " M model.bin.dvc\n"
    assert repo.git("commit", "-qm", "second", timeout=60).text == "cpv: tagged v0.1\n"
    if name == state_files.CONFIG:
        said = repo.cpv("config", "list", status=1, timeout=60).err
        assert said.startswith(f"cpv: {folder / name}: ")
        assert len(said.splitlines()) == 1


def test_marks_and_settings_that_are_damaged_are_no_bug(make_repo: MakeRepo) -> None:
    repo = make_repo(files={"model.bin": "model 1\n"})
    (repo.path / ".git" / state_files.FOLDER / state_files.ASKED).write_bytes(b"\xb4\xff\n")
    settings = state_files.cpv_home() / state_files.CONFIG
    settings.parent.mkdir(exist_ok=True)
    settings.write_text("[" * 100_000)
    repo.write("model.bin", "model 2\n")
    assert repo.git("commit", "-qm", "second").text == "cpv: tagged v0.1\n"
    (repo.path / ".git" / state_files.FOLDER / state_files.ASKED).write_bytes(b"\xb4\xff\n")
    repo.git("config", "--unset", "core.fsmonitor")
    repo.write("model.bin", "model 3\n")
    assert "bug" not in repo.git("commit", "-qm", "third").text


def test_a_list_of_rescues_that_cannot_be_read_is_not_an_empty_one(shell: Shell, harmless: Path) -> None:
    """`prune` would remove what it lists."""
    shell.git("init", "-q")
    (shell.path / ".git/cpv").mkdir()
    (shell.path / ".git/cpv" / state_files.RESCUES).symlink_to(harmless)
    with pytest.raises(CPVError, match="a link or a device"):
        list(rescues(Repo.discover(shell.path)))


@pytest.mark.parametrize(("owner", "mode"), [(47111, 0o600), (0, 0o666)])
def test_settings_that_somebody_else_may_write_answer_no_question(shell: Shell, owner: int, mode: int) -> None:
    shell.git("init", "-q")
    settings = state_files.cpv_home() / state_files.CONFIG
    settings.parent.mkdir()
    settings.write_text(json.dumps({"aws": {"endpoint_url": "https://minio.example.com"}}))
    repo = Repo.discover(shell.path)
    assert "https://minio.example.com" in trust._of_user(repo, shell.path)
    settings.chmod(mode)
    os.chown(settings, owner, owner)
    assert "https://minio.example.com" not in trust._of_user(repo, shell.path)
