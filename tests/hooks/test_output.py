from __future__ import annotations

import errno
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cpv_hooks.console.output import fail, say, size_text, time_text, warn
from cpv_hooks.console.progress import Progress
from cpv_hooks.console.redact import hide, redact
from cpv_hooks.errors import CPVError
from cpv_hooks.state_files import cpv_home
from support.terminal import converse

Capture = pytest.CaptureFixture[str]


def test_lines_go_to_the_standard_error(capsys: Capture) -> None:
    say("tagged v0.1")
    warn("not uploaded")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "cpv: tagged v0.1\ncpv: warning: not uploaded\n"


def test_quiet_silences_lines_but_no_warning(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CPV_QUIET", "1")
    say("tagged v0.1")
    warn("not uploaded")
    assert capsys.readouterr().err == "cpv: warning: not uploaded\n"


def test_quiet_is_a_personal_setting(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    cpv_home().mkdir(parents=True)
    (cpv_home() / "config.json").write_text('{"quiet": true}')
    say("tagged v0.1")
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("CPV_QUIET", "0")
    say("tagged v0.1")
    assert capsys.readouterr().err == "cpv: tagged v0.1\n"


def test_a_name_from_a_repository_cannot_write_to_the_terminal(capsys: Capture) -> None:
    say("ü \x1b[2Jmodel\nbin\udcff")
    assert capsys.readouterr().err == "cpv: ü \\x1b[2Jmodel\\nbin\\udcff\n"


def test_an_expected_error_is_one_line(capsys: Capture) -> None:
    assert fail(CPVError("no DVC remote", where="/repo", fix="dvc remote add -d storage URL")) == 1
    assert capsys.readouterr().err == "cpv: /repo: no DVC remote; fix: dvc remote add -d storage URL\n"


def test_ctrl_c(capsys: Capture) -> None:
    assert fail(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "cpv: interrupted\n"


def test_a_full_disk_is_no_bug(capsys: Capture) -> None:
    assert fail(OSError(errno.ENOSPC, "No space left on device", "/cache/x")) == 1
    assert capsys.readouterr().err.startswith("cpv: /cache/x: no space left on the disk; fix: ")


def test_a_bug_is_one_line_and_a_private_log(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2hunter2")
    try:
        raise ValueError("bad\nkey hunter2hunter2")
    except ValueError as error:
        assert fail(error) == 3
    (log,) = (cpv_home() / "logs").iterdir()
    assert capsys.readouterr().err == f"cpv: bug: ValueError: bad key *** (details in {log})\n"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700
    text = log.read_text()
    assert "Traceback" in text
    assert "test_a_bug_is_one_line" in text
    assert "hunter2" not in text


def test_a_bug_without_a_place_for_the_log(capsys: Capture) -> None:
    cpv_home().write_text("a file")
    assert fail(ValueError("bad")) == 3
    assert capsys.readouterr().err == "cpv: bug: ValueError: bad (no log could be written)\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://ada:hunter2@host/path", "https://ada:***@host/path"),
        ("secret_access_key = hunter2", "secret_access_key = ***"),
        ("'session_token': 'hunter2',", "'session_token': '***',"),
        ("?X-Amz-Signature=abc&x=1", "?X-Amz-Signature=***&x=1"),
        ("s3://bucket/team: no such key", "s3://bucket/team: no such key"),
        ("a remembered token-value here", "a remembered *** here"),
    ],
)
def test_secrets_are_masked(text: str, shown: str) -> None:
    hide("token-value")
    hide("a")  # too short to mean anything
    assert redact(text) == shown


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_500_000, "1.5 MB"),
        (999_999, "1.0 MB"),
        (10**9, "1.0 GB"),
        (2 * 10**12, "2.0 TB"),
    ],
)
def test_sizes_for_people(count: int, text: str) -> None:
    assert size_text(count) == text


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_short_work_prints_nothing(capsys: Capture) -> None:
    with Progress("uploading", 100) as progress:
        progress.advance(100)
    assert capsys.readouterr().err == ""


def test_long_work_prints_a_few_plain_lines_when_piped(capsys: Capture) -> None:
    clock = Clock()
    with Progress("uploading", clock=clock) as progress:
        progress.grow(4_000_000)
        for second in range(20):
            clock.now = float(second)
            progress.advance(200_000)
    assert capsys.readouterr().err.splitlines() == [
        "cpv: uploading: 15% (600.0 kB of 4.0 MB, 300.0 kB/s, 11 s left)",
        "cpv: uploading: 65% (2.6 MB of 4.0 MB, 216.7 kB/s, 6 s left)",
    ]


def test_a_total_that_is_not_known(capsys: Capture) -> None:
    clock = Clock()
    with Progress("hashing", clock=clock) as progress:
        clock.now = 2.0
        progress.advance(200)
    assert capsys.readouterr().err == "cpv: hashing: 200 B, 100 B/s\n"


def test_quiet_silences_progress(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CPV_QUIET", "1")
    clock = Clock()
    with Progress("uploading", 100, clock=clock) as progress:
        clock.now = 60.0
        progress.advance(50)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.01, "1 s"),
        (59.4, "59 s"),
        (60, "1 min 0 s"),
        (3599.4, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (90_000, "25 h 0 min"),
    ],
)
def test_times_for_people(seconds: float, text: str) -> None:
    assert time_text(seconds) == text


def test_no_time_is_left_where_it_is_not_known(capsys: Capture) -> None:
    clock = Clock()
    with Progress("uploading", 100, clock=clock) as progress:
        for second, count in ((2, 0), (20, 100), (40, 50)):
            clock.now = second
            progress.advance(count)
    assert capsys.readouterr().err.splitlines() == [
        "cpv: uploading: 0% (0 B of 100 B, 0 B/s)",
        "cpv: uploading: 100% (100 B of 100 B, 5 B/s)",
        "cpv: uploading: 100% (150 B of 150 B, 3 B/s)",
    ]


def test_a_progress_is_shown_until_the_outermost_with_ends(capsys: Capture) -> None:
    clock = Clock()
    progress = Progress("uploading", 100, clock=clock)
    clock.now = 5
    progress.advance(10)
    with progress:
        with progress:
            pass
        progress.advance(10)
    clock.now = 50
    progress.advance(10)
    assert capsys.readouterr().err == "cpv: uploading: 20% (20 B of 100 B, 4 B/s, 20 s left)\n"


def on_a_terminal(code: str, folder: Path, **env: str) -> str:
    """What a terminal of 120 columns shows of a program whose bars are drawn at once."""
    program = folder / "program.py"
    program.write_text(f"from cpv_hooks.console import output, progress as shown\nshown.BAR_AFTER = 0\n{code}")
    settings = [f"{name}={value}" for name, value in {"TERM": "xterm", "COLUMNS": "120", **env}.items()]
    status, shown = converse(["env", *settings, sys.executable, program], folder, [])
    assert status == 0, shown
    return shown


TWO_BARS = """
import time
from cpv_hooks.console.progress_bars import BARS
with shown.Progress("post-checkout: \x1b[2Jx [x]", 3_000_000) as progress:
    progress.advance(500_000)
    time.sleep(0.2)
    progress.advance(500_000)
    BARS._display.refresh()
    with shown.Progress("fetching model.bin", 8_000_000) as inner:
        inner.advance(1_000_000)
        BARS._display.refresh()
        output.warn("above the bars")
    progress.advance(500_000)
    BARS._display.refresh()
print("over")
"""


def test_bars_on_a_terminal(tmp_path: Path) -> None:
    shown = on_a_terminal(TWO_BARS, tmp_path)
    assert "cpv: post-checkout: \\x1b[2Jx [x]" in shown
    assert "1.5/3.0 MB" in shown
    assert re.search(r"\d \wB/s", shown), shown
    assert re.search(r"0:00:0\d", shown), shown
    assert "cpv: fetching model.bin" in shown
    assert "1.0/8.0 MB" in shown
    assert "cpv: warning: above the bars\n" in shown
    # The cursor is back, and the bars are gone.
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1
    assert shown.endswith("\x1b[2Kover\n")


def test_no_bar_on_a_terminal_when_quiet(tmp_path: Path) -> None:
    code = "with shown.Progress('uploading', 3) as progress:\n    progress.advance(1)\n"
    assert on_a_terminal(code, tmp_path, CPV_QUIET="1") == ""


def test_lines_on_a_terminal_that_has_no_cursor(tmp_path: Path) -> None:
    code = "shown.LINE_AFTER = 0\nwith shown.Progress('uploading') as progress:\n    progress.advance(1)\n"
    assert on_a_terminal(code, tmp_path, TERM="dumb").startswith("cpv: uploading: 1 B, ")


def test_rich_is_not_imported_for_a_line() -> None:
    code = """
import sys
from cpv_hooks.console.output import say
from cpv_hooks.console.progress import Progress
say("x")
Progress("x")
print("rich" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("done", "seconds", "left"),
    [(1_000, 2, ""), (9_999_999, 2, ""), (10_000_000, 2, ", 3 min 18 s left"), (1_000_000, 40, ", 11 h 6 min left")],
)
def test_how_long_it_will_take_is_said_when_that_is_known(capsys: Capture, done: int, seconds: int, left: str) -> None:
    """The first bytes of a large file would say many hours."""
    times = iter([0, seconds])
    with Progress("uploading", 1_000_000_000, clock=lambda: next(times)) as progress:
        progress.advance(done)
    line = capsys.readouterr().err
    assert line.endswith(f"/s{left})\n")


def test_a_bar_says_it_likewise_and_no_more_than_all(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.progress import TimeRemainingColumn

    from cpv_hooks.console.progress_bars import Bars, _new_display, _TimeLeft

    now = [0.0]
    display = _new_display()
    display.get_time = lambda: now[0]
    column = next(column for column in display.columns if isinstance(column, TimeRemainingColumn))
    assert isinstance(column, _TimeLeft)
    task = display.add_task("x", total=1_000_000_000)
    for done in (1_000, 2_000):
        now[0] += 0.4
        display.update(task, completed=done)
    assert display.tasks[0].time_remaining is not None
    assert display.tasks[0].time_remaining > 3600
    assert column.render(display.tasks[0]).plain == "-:--:--"
    display.update(task, completed=500_000_000)
    assert column.render(display.tasks[0]).plain != "-:--:--"

    shown: list[tuple[int, int]] = []
    monkeypatch.setattr(Bars, "add", lambda *_: 1)
    monkeypatch.setattr(Bars, "remove", lambda *_: None)
    monkeypatch.setattr(Bars, "update", lambda _, __, done, total: shown.append((done, total)))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    times = iter([0.0, 1.0, 2.0])
    with Progress("hashing", 100, clock=lambda: next(times)) as progress:
        progress.advance(60)
        progress.advance(60)
    assert shown == [(60, 100), (120, 120)]
