"""The process that tells people and programs what happened to versions; `events.outbox` starts it.

All of it takes five seconds at most. What does not arrive is not tried again; it is noted, and doctor says so.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from cpv_hooks.accounts.personal import apprise_send, personal_settings, undelivered
from cpv_hooks.accounts.personal.cloud_event import about, cloud_event, words
from cpv_hooks.accounts.personal.schema import Notify
from cpv_hooks.accounts.personal.signed_post import post
from cpv_hooks.console.redact import redact
from cpv_hooks.errors import CPVError
from cpv_hooks.project import plugins
from cpv_hooks.project.plugin_hooks import Event, Notifier

SECONDS = 5.0


def main() -> int:
    """Send what the standard input has about the repository that the first argument names."""
    begun = time.monotonic()
    try:
        messages = json.loads(sys.stdin.buffer.read())
    except ValueError:
        return 1
    root = Path(sys.argv[1])
    for kind, subject, data, moment in messages:
        event = cloud_event(about(root, kind, subject, data), kind, subject, str(uuid4()), moment)
        deliver_event(event, kind, SECONDS - (time.monotonic() - begun))
    return 0


def deliver_event(event: Mapping[str, Any], kind: str, seconds: float = SECONDS) -> dict[str, str | None]:
    """Send an event to every target at once; why it did not reach each, None for one that it reached."""
    outcome: dict[str, str | None] = {}
    threads: dict[str, threading.Thread] = {}
    try:
        targets = _targets(kind)
    except CPVError as error:
        outcome["settings"] = str(error)
        targets = {}
    until = time.monotonic() + seconds
    for name, send in targets.items():
        outcome[name] = f"it took longer than {SECONDS:g} s"
        # In a thread, because looking up a name, or a server that sends byte by byte, knows no time-out.
        if seconds <= 0:
            continue  # the events before it have taken all of the time
        threads[name] = threading.Thread(target=_try, args=(name, send, event, seconds, outcome), daemon=True)
        threads[name].start()
    for thread in threads.values():
        thread.join(max(0.0, until - time.monotonic()))
    found = dict(outcome)
    undelivered.note_undelivered(kind, found)
    return found


def _try(name: str, send: Notifier, event: Mapping[str, Any], seconds: float, outcome: dict[str, str | None]) -> None:
    try:
        send(event, seconds)
        outcome[name] = None
    except Exception as error:  # noqa: BLE001 - Apprise's services and plugins are others' code
        reason = getattr(error, "reason", None)
        outcome[name] = redact(str(getattr(reason, "strerror", None) or error or type(error).__name__))


class _Builtin:
    """Whom the personal settings name: a program at `notify.webhook`, people at `notify.url`."""

    def __init__(self, settings: Notify) -> None:
        self._settings = settings

    def cpv_notifiers(self, kind: str) -> Mapping[str, Notifier] | None:
        """CPV's own answer."""
        found: dict[str, Notifier] = {}
        if self._settings.webhook is not None:
            found["webhook"] = _webhook(self._settings.webhook, self._settings.secret)
        if self._settings.url is not None and _is_wanted(self._settings, kind):
            found["url"] = _people(self._settings.url)
        return found


def _targets(kind: str) -> dict[str, Notifier]:
    return plugins.notifiers(_Builtin(personal_settings.load_settings().notify), kind)


def _is_wanted(settings: Notify, kind: str) -> bool:
    names = (settings.events or "").replace(" ", "").split(",")
    return "all" in names or kind in names


def _webhook(url: str, secret: str | None) -> Notifier:
    def send(event: Event, seconds: float) -> None:
        if secret is None:
            raise CPVError("notify.secret is not set", fix="dvc cpv config set notify.secret -")
        post(url, secret, str(event["id"]), json.dumps(event).encode(), seconds)

    return send


def _people(address: str) -> Notifier:
    def send(event: Event, seconds: float) -> None:
        apprise_send.send_by_apprise(address, *words(event))

    return send


if __name__ == "__main__":
    sys.exit(main())
