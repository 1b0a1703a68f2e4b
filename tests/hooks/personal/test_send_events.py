"""Events as a real web server gets them, from commits and commands."""

from __future__ import annotations

import json
import queue
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import MakeRepo

from cpv_hooks.accounts.personal import personal_settings, send_events, undelivered
from cpv_hooks.accounts.personal.cloud_event import about, cloud_event, words
from cpv_hooks.events import outbox
from cpv_hooks.events.outbox import KINDS, Event, emit_events
from cpv_hooks.git import detached_process
from support.repos import ModelRepo

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PAGE = Path(__file__).parents[3] / "docs/notifications.md"
SECONDS = 30


def documented() -> Callable[[str, Mapping[str, str], bytes], bool]:
    """The function of the documentation that says whether a message is genuine."""
    found: dict[str, Any] = {}
    exec(PAGE.read_text().split("```python\n", 1)[1].split("```", 1)[0], found)  # noqa: S102
    is_genuine: Callable[[str, Mapping[str, str], bytes], bool] = found["is_genuine"]
    return is_genuine


class Message(NamedTuple):
    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


class Receiver:
    """A web server that keeps what is posted, and answers with `status` once `answers` is set."""

    def __init__(self) -> None:
        self.status = 200
        self.answers = threading.Event()
        self.answers.set()
        self.got: queue.Queue[Message] = queue.Queue()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.put(Message({name.lower(): value for name, value in self.headers.items()}, body))
                outer.answers.wait(SECONDS)
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"

    def events(self, count: int) -> dict[str, Message]:
        """The next messages by their kind."""
        found = [self.got.get(timeout=SECONDS) for _ in range(count)]
        return {message.event["type"].removeprefix("dvc-cpv."): message for message in found}

    def close(self) -> None:
        self.answers.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    repo = make_repo()
    repo.git("remote", "add", "origin", "git@git.example.com:team/model.git")
    return repo


def to_program(receiver: Receiver) -> None:
    personal_settings.update({"notify.webhook": f"http://{receiver.address}/hook", "notify.secret": SECRET})


def commit(repo: ModelRepo, content: str) -> str:
    repo.write("model.bin", content)
    repo.write("metrics.log", "acc=0.5\n")
    repo.git("add", "-A")
    return repo.git("commit", "-qm", "trained").err


def test_a_commit_a_stage_and_a_batch(repo: ModelRepo, receiver: Receiver) -> None:
    """Real Git commands; the messages are verified by the code that the documentation gives."""
    to_program(receiver)
    is_genuine = documented()
    commit(repo, "one")
    head = repo.git("rev-parse", "HEAD").out.strip()
    told = receiver.events(2)
    assert set(told) == {"tagged", "uploaded"}
    for message in told.values():
        assert is_genuine(SECRET, message.headers, message.body)
        assert message.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
        assert message.headers["webhook-id"] == message.event["id"]
    event = told["tagged"].event
    assert {key: event[key] for key in ("specversion", "source", "type", "subject", "datacontenttype")} == {
        "specversion": "1.0",
        "source": "ssh://git.example.com/team/model.git",
        "type": "dvc-cpv.tagged",
        "subject": "v0.0",
        "datacontenttype": "application/json",
    }
    known = {"team": "vision", "model": "resnet"}
    version = {"tag": "v0.0", "commit": head, "line": "model", "metrics": {"acc": 0.5}}
    assert event["data"] == {**known, **version}
    assert told["uploaded"].event["data"] == {**known, "commits": [head], "tags": ["v0.0"]}
    repo.cpv("promote", "v0.0", "production")
    assert receiver.events(1)["promoted"].event["data"] == {**known, **version, "stage": "production"}
    repo.git("tag", "v1.0")
    assert receiver.events(2)["tagged"].event["subject"] == "v1.0"
    repo.cpv("retire", "v0.0", "--confirm", "v0.0", "--yes")
    assert receiver.events(1)["retired"].event["data"] == {**known, **version}
    repo.cpv("batch", "status")
    counts = {"command": "status", "succeeded": 1, "failed": 0, "models": []}
    assert receiver.events(1)["batch_done"].event["data"] == {**known, **counts}
    assert undelivered.read_undelivered() == []


def test_a_target_that_a_repository_names_is_refused(repo: ModelRepo, receiver: Receiver) -> None:
    """Whoever clones it would tell a stranger what is trained here."""
    settings = repo.read(".cpv.toml").decode()
    repo.write(".cpv.toml", f'{settings}[notify]\nwebhook = "http://{receiver.address}/theirs"\n')
    line = len(settings.splitlines()) + 1
    said = (
        f"{repo.path}/.cpv.toml:{line}: [notify] is a personal setting: a repository does not say who is told; "
        "fix: remove it from .cpv.toml; dvc cpv config set notify.webhook URL"
    )
    assert said in repo.cpv("status", status=1).err.splitlines()[0]
    repo.write("model.bin", "one")
    done = repo.git("commit", "-qam", "theirs", status=None)
    assert (done.status, done.err.count(said)) == (1, 1)
    repo.write(".cpv.toml", settings)
    to_program(receiver)
    commit(repo, "two")
    told = receiver.events(2)
    assert set(told) == {"tagged", "uploaded"}, "nothing else was sent"
    assert receiver.got.empty()


def test_what_is_changed_or_old_is_not_genuine(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    to_program(receiver)
    is_genuine = documented()
    event = cloud_event(about(Path("/nowhere"), "tagged", "v0.1", {}), "tagged", "v0.1", "an-id", 1.0)
    assert send_events.deliver_event(event, "tagged") == {"webhook": None}
    message = receiver.events(1)["tagged"]
    headers = dict(message.headers)
    assert is_genuine(SECRET, headers, message.body)
    assert not is_genuine(SECRET, headers, message.body + b" ")
    assert not is_genuine("another secret of somebody", headers, message.body)
    later = str(int(headers["webhook-timestamp"]) + 1)
    assert not is_genuine(SECRET, {**headers, "webhook-timestamp": later}, message.body)
    sent = float(headers["webhook-timestamp"])
    monkeypatch.setattr("time.time", lambda: sent + 301)
    assert not is_genuine(SECRET, headers, message.body), "sent again after five minutes"


def test_an_event_with_more_than_a_pipe_holds_arrives_whole(repo: ModelRepo, receiver: Receiver) -> None:
    to_program(receiver)
    tags = [f"v0.{number}" for number in range(30_000)]
    emit_events(repo.path, Event("retired", data={"tags": tags}))
    assert receiver.events(1)["retired"].event["data"]["tags"] == tags


def test_a_commit_does_not_wait_for_the_answer(repo: ModelRepo, receiver: Receiver) -> None:
    to_program(receiver)
    receiver.answers.clear()
    assert "notif" not in commit(repo, "one")
    assert receiver.events(2).keys() == {"tagged", "uploaded"}, "while no answer has been given"
    assert repo.git("tag", "-l").out == "v0.0\n"


def test_a_server_that_is_slow_is_given_up(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    to_program(receiver)
    receiver.answers.clear()
    monkeypatch.setattr(send_events, "SECONDS", 0.3)
    event = cloud_event(about(Path("/nowhere"), "tagged", None, {}), "tagged", None, "an-id", 1.0)
    reason = send_events.deliver_event(event, "tagged", 0.3)["webhook"]
    assert reason in ("it took longer than 0.3 s", "timed out")
    receiver.answers.set()
    receiver.events(1)
    assert send_events.deliver_event(event, "tagged", 0) == {"webhook": "it took longer than 0.3 s"}
    assert receiver.got.empty(), "no time was left for it"


def test_what_does_not_arrive_is_named_until_one_does(repo: ModelRepo, receiver: Receiver) -> None:
    to_program(receiver)
    receiver.status = 500
    event = cloud_event(about(repo.path, "tagged", "v0.1", {}), "tagged", "v0.1", "an-id", 1.0)
    for _ in range(2):
        send_events.deliver_event(event, "tagged")
    (lost,) = undelivered.read_undelivered()
    assert (lost.target, lost.times, lost.event, lost.reason) == ("webhook", 2, "tagged", "HTTP status 500")
    found = [row for row in json.loads(repo.cpv("doctor", "--json").out)["checks"] if row["name"] == "notifications"]
    assert [(row["result"], row["fix"]) for row in found] == [("warn", "dvc cpv config set notify.webhook -")]
    assert "2 events have not arrived since" in found[0]["reason"]
    assert "the last one tagged: HTTP status 500" in found[0]["reason"]
    assert "notifications: webhook: 2 events have not arrived" in repo.cpv("status").out
    repo.cpv("config", "unset", "notify.webhook")
    assert "notifications" not in repo.cpv("status").out
    assert "notifications" not in repo.cpv("doctor").out
    to_program(receiver)
    receiver.status = 204
    send_events.deliver_event(event, "tagged")
    assert undelivered.read_undelivered() == []
    found = [row for row in json.loads(repo.cpv("doctor", "--json").out)["checks"] if row["name"] == "notifications"]
    assert [row["result"] for row in found] == ["ok"]


def test_nobody_is_there(repo: ModelRepo) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    event = cloud_event(about(repo.path, "tagged", None, {}), "tagged", None, "an-id", 1.0)
    personal_settings.update({"notify.webhook": f"http://127.0.0.1:{port}/"})
    (reason,) = send_events.deliver_event(event, "tagged").values()
    assert reason == "notify.secret is not set; fix: dvc cpv config set notify.secret -"
    personal_settings.update({"notify.secret": SECRET})
    assert send_events.deliver_event(event, "tagged") == {"webhook": "Connection refused"}
    personal_settings.update({"notify.secret": "whsec_not base64 at all".replace(" ", "!")})
    assert send_events.deliver_event(event, "tagged") == {
        "webhook": "what follows whsec_ in notify.secret is not Base64"
    }


def test_an_upload_that_fails(repo: ModelRepo, receiver: Receiver, tmp_path: Path) -> None:
    commit(repo, "one")
    to_program(receiver)
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder has to be")
    repo.dvc("remote", "modify", "storage", "url", str(blocked))
    commit(repo, "two")
    told = receiver.events(2)
    assert set(told) == {"tagged", "upload_failed"}
    event = told["upload_failed"].event
    assert event["data"]["commits"] == [repo.git("rev-parse", "HEAD").out.strip()]
    assert str(blocked) in event["data"]["error"]


def test_people_are_told_of_what_they_asked_for(repo: ModelRepo, receiver: Receiver) -> None:
    personal_settings.update({"notify.url": f"json://{receiver.address}/chat", "notify.events": "tagged, promoted"})
    commit(repo, "one")
    message = receiver.got.get(timeout=SECONDS).event
    assert (message["title"], message["message"].splitlines()[-1]) == ("vision/resnet: v0.0 was tagged", "acc 0.5")
    event = cloud_event(about(repo.path, "uploaded", None, {}), "uploaded", None, "an-id", 1.0)
    assert send_events.deliver_event(event, "uploaded") == {}


def test_every_kind_in_words() -> None:
    for kind in KINDS:
        data = {"commits": ["0" * 40], "error": "https://ada:hunter2@host refused"}
        title, text = words(cloud_event(about(Path("/nowhere"), kind, None, data), kind, None, "an-id", 1.0))
        assert title.startswith("file:///nowhere: 0000000000 ")
        assert text == "error: https://ada:***@host refused"
        assert f"| `{kind}` |" in PAGE.read_text()


def test_without_settings_no_process_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started: list[str] = []

    def spawn(module: str, *_: object, **__: object) -> int:
        started.append(module)
        raise OSError("no process can be started")

    monkeypatch.setattr(detached_process, "spawn", spawn)
    emit_events(tmp_path, Event("tagged", "v0.1"))
    personal_settings.update({"team_name": "vision", "notify.url": "json://127.0.0.1/"})
    emit_events(tmp_path, Event("tagged", "v0.1"))
    assert started == [], "people are told of operations with --notify alone"
    personal_settings.update({"notify.events": "all"})
    emit_events(tmp_path)
    assert started == []
    emit_events(tmp_path, Event("tagged", "v0.1"))
    assert started == [outbox.SENDER], "and what cannot be started fails nothing"
    personal_settings.path().write_text("{")
    emit_events(tmp_path, Event("tagged", "v0.1"))
    assert started == [outbox.SENDER]
