"""Notifications: a real web server, a real `notify-send` on the PATH, a real terminal."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cpv_hooks.accounts.personal import logs, notify, personal_settings
from cpv_hooks.state_files import cpv_home
from support.terminal import converse

Capture = pytest.CaptureFixture[str]
NO_ANSWER = "A Connection error occurred sending JSON notification to 127.0.0.1.\n"
SECRET = "T0AAAA/B0BBBB/hunter2hunter2"


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine takes its time; a test of what takes too long sets its own limit."""
    monkeypatch.setattr(notify, "SECONDS", 240)


@dataclass
class Hook:
    """A web server that notes what is posted, and answers with `status`."""

    url: str
    status: int = 200
    got: list[tuple[str, str | None, object]] = field(default_factory=list)


@pytest.fixture
def hook() -> Iterator[Hook]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.got.append((self.path, self.headers["Content-Type"], json.loads(body)))
            self.send_response(found.status)
            if found.status == 302:
                self.send_header("Location", f"{found.url}/elsewhere")
            self.end_headers()

        def do_GET(self) -> None:
            found.got.append((self.path, None, None))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Hook(f"http://127.0.0.1:{server.server_port}/services/{SECRET}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(folder: Path, name: str, body: str = "") -> Path:
    """Make a program that writes its arguments, one a line, and return the file that it writes."""
    noted = folder / f"{name}.args"
    script = folder / name
    script.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" > {noted}\n{body}\n")
    script.chmod(0o755)
    return noted


def test_a_webhook_gets_the_text(hook: Hook, programs: Path, capsys: Capture) -> None:
    noted = program(programs, "notify-send")
    personal_settings.update({"notify.url": hook.url})
    notify.notify("model upload: vision/resnet50", "v0.4 ü\n<done>")
    assert hook.got == [
        (f"/services/{SECRET}", "application/json", {"text": "model upload: vision/resnet50\nv0.4 ü\\n<done>"})
    ]
    assert capsys.readouterr().err == ""
    assert not noted.exists()


def test_no_secret_is_sent(hook: Hook) -> None:
    personal_settings.update({"notify.url": hook.url})
    notify.notify("failed", "https://ada:hunter2@host refused")
    assert hook.got[0][2] == {"text": "failed\nhttps://ada:***@host refused"}


@pytest.mark.parametrize(
    ("status", "what"),
    [
        (404, "Page not found., error=404."),
        (500, "Internal server error., error=500."),
        (302, "error=302."),
    ],
)
def test_a_webhook_that_refuses_is_a_warning(hook: Hook, capsys: Capture, status: int, what: str) -> None:
    hook.status = status
    personal_settings.update({"notify.url": hook.url})
    with logs.operation("tag", verbose=True) as log:
        notify.notify("tag", "done")
    shown = [line for line in capsys.readouterr().err.splitlines() if "debug" not in line]
    assert shown == [f"cpv: warning: no notification was sent: Failed to send JSON POST notification: {what}"]
    assert len(hook.got) == 1
    assert log.path
    assert "hunter2" not in log.path.read_text()


def test_a_webhook_that_is_not_there(capsys: Capture) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    personal_settings.update({"notify.url": f"http://127.0.0.1:{port}/{SECRET}"})
    notify.notify("tag", "done")
    assert capsys.readouterr().err == f"cpv: warning: no notification was sent: {NO_ANSWER}"


@pytest.mark.parametrize("drips", [False, True])
def test_a_webhook_that_never_ends_its_answer(monkeypatch: pytest.MonkeyPatch, capsys: Capture, drips: bool) -> None:
    monkeypatch.setattr(notify, "SECONDS", 0.4)
    over = threading.Event()

    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            while drips and not over.wait(0.05):
                connection.send(b"H")
            over.wait()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer)
        thread.start()
        personal_settings.update({"notify.url": f"http://localhost:{server.getsockname()[1]}/{SECRET}"})
        notify.notify("tag", "done")
        over.set()
        thread.join()
    assert capsys.readouterr().err in ("cpv: warning: no notification was sent: it took longer than 0.4 s\n",)


def test_what_answers_is_no_web_server(capsys: Capture) -> None:
    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"220 mail.example.com ESMTP\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer)
        thread.start()
        personal_settings.update({"notify.url": f"http://127.0.0.1:{server.getsockname()[1]}/{SECRET}"})
        notify.notify("tag", "done")
        thread.join()
    assert capsys.readouterr().err == f"cpv: warning: no notification was sent: {NO_ANSWER}"


def test_this_machine_is_asked_without_a_proxy(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    personal_settings.update({"notify.url": hook.url})
    notify.notify("tag", "done")
    assert len(hook.got) == 1


def test_settings_that_cannot_be_read_are_a_warning(capsys: Capture) -> None:
    cpv_home().mkdir()
    personal_settings.path().write_text("{")
    notify.notify("tag", "done")
    shown = capsys.readouterr().err
    assert shown.startswith(f"cpv: warning: no notification was sent: {personal_settings.path()}:1: not JSON: ")
    assert shown.count("\n") == 1


# The desktop


def test_notify_send(programs: Path, capsys: Capture) -> None:
    noted = program(programs, "notify-send")
    program(programs, "osascript")
    notify.notify("-tag; $(touch x)", "v0.1 <b> & done, password=hunter2")
    assert noted.read_text().splitlines() == [
        "--app-name=CPV",
        "--",
        "-tag; $(touch x)",
        "v0.1 &lt;b&gt; &amp; done, password=***",
    ]
    assert not (programs / "osascript.args").exists()
    assert capsys.readouterr().err == ""


def test_osascript(programs: Path) -> None:
    noted = program(programs, "osascript")
    notify.notify('"tag"', "done")
    assert noted.read_text().splitlines() == [
        "-e",
        "on run argv",
        "-e",
        "display notification (item 2 of argv) with title (item 1 of argv)",
        "-e",
        "end run",
        '"tag"',
        "done",
    ]


@pytest.mark.parametrize(
    ("body", "what"),
    [("exit 3", "notify-send ended with status 3"), ("exec /bin/sleep 60", "notify-send took longer than 0.3 s")],
)
def test_a_desktop_that_refuses_is_a_warning(
    programs: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture, body: str, what: str
) -> None:
    monkeypatch.setattr(notify, "SECONDS", 0.3)
    program(programs, "notify-send", body)
    notify.notify("tag", "done")
    assert capsys.readouterr().err == f"cpv: warning: no notification was sent: {what}\n"


def test_a_program_that_cannot_be_run_is_a_warning(programs: Path, capsys: Capture) -> None:
    (programs / "notify-send").write_text("#!/no/such/interpreter\n")
    (programs / "notify-send").chmod(0o755)
    notify.notify("tag", "done")
    assert capsys.readouterr().err == "cpv: warning: no notification was sent: No such file or directory\n"


def test_a_program_in_the_current_folder_is_not_run(
    programs: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    noted = program(programs, "notify-send")
    monkeypatch.chdir(programs)
    monkeypatch.setenv("PATH", ".")
    notify.notify("tag", "done")
    assert not noted.exists()
    assert capsys.readouterr().err == (
        "cpv: warning: no notification was sent: no address, no desktop and no terminal;"
        " fix: dvc cpv config set notify.url -\n"
    )


def test_the_bell_of_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    code = "from cpv_hooks.accounts.personal.notify import notify; notify('tag', 'done')"
    assert converse([sys.executable, "-c", code], tmp_path, []) == (0, "\a")


def test_without_apprise_a_line_says_how_to_get_it(
    hook: Hook, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """An address that was set for an older CPV, which posted to it by itself."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    personal_settings.update({"notify.url": hook.url})
    notify.notify("tag", "done")
    assert capsys.readouterr().err == (
        "cpv: warning: no notification was sent: notify.url needs Apprise, which is not installed; "
        "fix: pip install 'dvc-cpv[notify]'\n"
    )
    assert hook.got == []


def test_an_address_of_a_service_and_several_of_them(
    hook: Hook, capsys: Capture, caplog: pytest.LogCaptureFixture
) -> None:
    """Apprise's own form for a service, beside a plain webhook; one that fails does not keep the other from it."""
    own = hook.url.replace("http://", "json://")
    personal_settings.update({"notify.url": f"{own},nobodys://token/x,{hook.url}"})
    notify.notify("tag", "done")
    bodies = [body for _, _, body in hook.got]
    assert [(body["title"], body["message"]) for body in bodies[:1]] == [("tag", "done")]  # type: ignore[index]
    assert bodies[1:] == [{"text": "tag\ndone"}]
    what = "Apprise knows no address of nobodys:// of this form"
    assert capsys.readouterr().err == f"cpv: warning: no notification was sent: {what}\n"
    assert caplog.text == "", "Apprise logs addresses in full"
