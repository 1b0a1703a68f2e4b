"""One log for each operation: what is in it, who can read it, how many are kept, and that it stops nothing."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.accounts.personal import logs, personal_settings
from cpv_hooks.console import output, trace
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.state_files import cpv_home

Capture = pytest.CaptureFixture[str]
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warning|error) +(.*)")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def kept() -> list[Path]:
    """The logs that are there, the oldest first."""
    return sorted((cpv_home() / "logs").iterdir())


def told(path: Path) -> list[tuple[str, str]]:
    """Level and text of a log's lines, the blocks left out."""
    return [(found[1], found[2]) for line in path.read_text().splitlines() if (found := LINE.fullmatch(line))]


def test_an_operation_s_log(make_repo: MakeRepo) -> None:
    model = make_repo(install=False)
    with logs.operation("model upload", arguments={"message": "epoch 3", "password": "hunter2"}) as log:
        output.say("tagged v0.1")
        output.warn("not uploaded")
        Repo.discover(model.path).resolve("HEAD")
        log.write("debug", "a step")
    (path,) = kept()
    assert path == log.path
    assert re.fullmatch(rf"\d{{8}}T\d{{6}}\.\d{{6}}Z-model-upload-{os.getpid()}\.log", path.name)
    lines = told(path)
    assert len(lines) == len(path.read_text().splitlines())
    assert lines[0] == ("info", f"model upload: begins in {Path.cwd()} (process {os.getpid()})")
    assert lines[1][1].startswith("command: ")
    assert lines[2:6] == [
        ("debug", "argument: message='epoch 3'"),
        ("debug", "argument: password='***'"),
        ("info", "tagged v0.1"),
        ("warning", "not uploaded"),
    ]
    assert ("debug", "git rev-parse --verify --quiet --end-of-options 'HEAD^{commit}'") in lines
    assert lines[-2] == ("debug", "a step")
    assert re.fullmatch(r"model upload: done \(after \d+\.\d{3} s\)", lines[-1][1])
    assert not trace.is_heard()


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_url_is_in_the_log_without_its_signature(version: str) -> None:
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "s3",
        region_name="eu-west-1",
        aws_access_key_id="AKIA0123456789ABCDEF",
        aws_secret_access_key="not/remembered",
        aws_session_token="token+of/a=session",
        config=Config(signature_version=version),
    )
    url = client.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "model.bin"})
    secrets = re.findall(r"(?:Signature|AWSAccessKeyId|Credential|token|Security-Token)=([^&]+)", url)
    assert len(secrets) == 3
    with logs.operation("model download"):
        trace.emit_trace("debug", f"GET {url}")
    text = kept()[0].read_text()
    assert "/model.bin?" in text
    assert [secret for secret in secrets if secret in text] == []


def test_only_the_user_can_read_it(tmp_path: Path) -> None:
    (cpv_home() / "logs").mkdir(parents=True)
    for folder in (cpv_home(), cpv_home() / "logs"):
        folder.chmod(0o755)
    before = os.umask(0)
    try:
        with logs.operation("validate", tmp_path / "mine.log") as log:
            pass
    finally:
        os.umask(before)
    assert log.path
    assert [mode(path) for path in (cpv_home(), log.path.parent, log.path, tmp_path / "mine.log")] == [
        0o700,
        0o700,
        0o600,
        0o600,
    ]


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (CPVError("no such bucket", where="s3://b"), "failed: CPVError: s3://b: no such bucket"),
        (ValueError("a\nb https://u:hunter2@h"), "failed: ValueError: a\\nb https://u:***@h"),
        (KeyboardInterrupt(), "interrupted"),
        (SystemExit(3), "failed: SystemExit: 3"),
    ],
)
def test_a_failure_is_in_the_log_with_its_traceback(error: BaseException, what: str) -> None:
    with pytest.raises(type(error)), logs.operation("revert"):
        raise error
    text = kept()[0].read_text()
    assert told(kept()[0])[-1][1].startswith(f"revert: {what} (after ")
    assert "\n    Traceback (most recent call last):\n" in text
    assert "test_a_failure_is_in_the_log" in text
    assert "hunter2" not in text
    assert not trace.is_heard()


def test_a_text_cannot_forge_a_line() -> None:
    with logs.operation("tag"):
        output.say("a\n2026-01-01T00:00:00.000Z error   forged \x1b[2J")
    lines = told(kept()[0])
    assert ("info", "a\\n2026-01-01T00:00:00.000Z error   forged \\x1b[2J") in lines


def test_a_log_file_of_the_user_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.log").write_text("before\n")
    for name in ("first", "second"):
        with logs.operation(name, "run.log", False):
            monkeypatch.chdir("/")
            output.say(f"in {name}")
        monkeypatch.chdir(tmp_path)
    first, *rest = (tmp_path / "run.log").read_text().splitlines(keepends=True)
    assert first == "before\n"
    assert "".join(rest) == "".join(path.read_text() for path in kept())


def test_a_log_file_in_the_home(tmp_path: Path) -> None:
    with logs.operation("tag", "~/run.log"):
        pass
    assert (Path.home() / "run.log").read_text() == kept()[0].read_text()


def _null() -> str:
    """What this Python says of a name that holds a null byte."""
    with pytest.raises(ValueError, match="null") as caught:
        os.open("\0", os.O_RDONLY)
    return str(caught.value)


def test_a_log_file_that_cannot_be_written_stops_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cases = {
        tmp_path / "no such" / "run.log": (f"the log's folder does not exist; fix: mkdir -p '{tmp_path}/no such'"),
        tmp_path: "the log cannot be written: Is a directory; fix: name another log file",
        tmp_path / "file" / "x": "the log cannot be written: Not a directory; fix: name another log file",
        tmp_path / "a\0b": f"the log cannot be written: {_null()}; fix: name another log file",
    }
    for path, what in cases.items():
        begun = False
        with pytest.raises(CPVError) as caught, logs.operation("tag", path):
            begun = True
        assert not begun
        assert str(caught.value) == f"{path}: {what}"
    assert not cpv_home().exists()


# Verbose


def test_verbose_prints_the_steps_once(capsys: Capture) -> None:
    with logs.operation("outer", None, True), logs.operation("inner", verbose=True):
        trace.emit_trace("debug", "git status \x1b password=hunter2")
        output.say("tagged")
    shown = [line for line in capsys.readouterr().err.splitlines() if "debug: " not in line or "git" in line]
    assert shown == ["cpv: debug: git status \\x1b password=***", "cpv: tagged"]
    with logs.operation("later"):
        trace.emit_trace("debug", "unseen")
    assert capsys.readouterr().err == ""


def test_quiet_wins_over_verbose(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CPV_QUIET", "1")
    with logs.operation("outer", verbose=True):
        trace.emit_trace("debug", "git status")
    assert capsys.readouterr().err == ""
    assert ("debug", "git status") in told(kept()[0])


# Rotation


def test_the_newest_are_kept(tmp_path: Path) -> None:
    personal_settings.update({"logs.keep": 3})
    folder = cpv_home() / "logs"
    folder.mkdir()
    (tmp_path / "elsewhere").write_text("mine")
    linked = folder / "20000101T000000.000000Z-link-1.log"
    linked.symlink_to(tmp_path / "elsewhere")
    foreign = folder / "notes.log"
    foreign.write_text("mine")
    bugs = [folder / f"bug-20250101T00000{n}-1.log" for n in range(5)]
    for bug in bugs:
        bug.write_text("x")
    made = []
    for number in range(5):
        with logs.operation(f"number {number}") as log:
            made.append(log.path)
    assert set(kept()) == {foreign, linked, *made[2:], *bugs[2:]}
    assert (tmp_path / "elsewhere").read_text() == "mine"


def test_a_log_that_is_being_written_is_kept() -> None:
    personal_settings.update({"logs.keep": 1})
    with logs.operation("long") as long:
        for _ in range(3):
            with logs.operation("short") as short:
                pass
        assert long.path in kept()
        output.say("still here")
    assert long.path
    assert ("info", "still here") in told(long.path)
    with logs.operation("last") as last:
        pass
    assert kept() == [last.path]
    assert short.path not in kept()


MANY = """
from cpv_hooks.accounts.personal import logs
for number in range(30):
    with logs.operation("at once") as log:
        assert log.path.exists()
"""


def test_processes_that_rotate_at_once() -> None:
    personal_settings.update({"logs.keep": 5})
    running = [subprocess.Popen([sys.executable, "-c", MANY], stderr=subprocess.PIPE) for _ in range(3)]
    assert [process.communicate()[1] for process in running] == [b""] * 3
    assert [process.returncode for process in running] == [0] * 3
    # The last one to rotate may have left logs that the others were writing: the next operation removes them.
    with logs.operation("afterwards"):
        pass
    assert len(kept()) == 5
    assert all("done" in told(path)[-1][1] for path in kept())


def test_settings_that_cannot_be_read_stop_no_operation() -> None:
    cpv_home().mkdir()
    personal_settings.path().write_text("{")
    with logs.operation("tag") as log:
        pass
    assert kept() == [log.path]


# Disks that refuse


def a_file() -> None:
    cpv_home().write_text("a file")


def a_file_in_the_logs_place() -> None:
    cpv_home().mkdir()
    (cpv_home() / "logs").write_text("a file")


@pytest.mark.parametrize("prepare", [a_file, a_file_in_the_logs_place])
def test_no_place_for_the_log_is_one_warning(prepare: Callable[[], None], tmp_path: Path, capsys: Capture) -> None:
    prepare()
    with logs.operation("tag", tmp_path / "mine.log") as log:
        output.say("tagged")
    shown = capsys.readouterr().err.splitlines()
    assert log.path is None
    assert len(shown) == 2
    assert shown[0].startswith(f"cpv: warning: {cpv_home()}")
    assert shown[0].endswith("; the work goes on")
    assert shown[1] == "cpv: tagged"
    assert ("info", "tagged") in told(tmp_path / "mine.log")


def test_a_full_disk_is_one_warning(capsys: Capture) -> None:
    with logs.operation("tag", "/dev/full"):
        output.say("one")
        output.say("two")
    assert capsys.readouterr().err.splitlines() == [
        "cpv: warning: /dev/full: the log cannot be written (No space left on device); the work goes on",
        "cpv: one",
        "cpv: two",
    ]
    warning = "/dev/full: the log cannot be written (No space left on device); the work goes on"
    assert ("warning", warning) in told(kept()[0])
