"""Events: a version was tagged, its data was uploaded, … Each is handed to a detached process that sends it.

Whoever emits one does not wait for it, and never fails by it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from cpv_hooks import state_files
from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.state_files import cpv_home

Kind = Literal["tagged", "uploaded", "upload_failed", "promoted", "retired", "batch_done"]
KINDS: tuple[Kind, ...] = ("tagged", "uploaded", "upload_failed", "promoted", "retired", "batch_done")
SENDER = "cpv_hooks.accounts.personal.send_events"
_NOTHING: Mapping[str, object] = {}
_NAMED = 100
"""Commits that an event names."""


class Event(NamedTuple):
    """What happened. `subject` is the version, where there is one; `data` is what JSON can hold, without secrets."""

    kind: Kind
    subject: str | None = None
    data: Mapping[str, object] = _NOTHING


def emit_events(root: Path, *events: Event) -> None:
    """Tell those whom the personal settings name what happened in the repository at `root`; returns at once."""
    if events and _anybody_listens():
        with suppress(OSError, CPVError):
            _send(root, events)


def emit_tagged(root: Path, names: Iterable[str]) -> None:
    """Tell of new versions, or of tags that follow their commits."""
    emit_events(root, *(Event("tagged", name) for name in names))


def emit_uploaded(root: Path, there: Sequence[str], rest: Sequence[str] = (), why_not: str = "") -> None:
    """Tell of commits whose data is on the remote now, and of others, and why theirs is not."""
    from cpv_hooks.console.redact import redact

    done = [Event("uploaded", data={"commits": there[:_NAMED]})] if there else []
    failed = [Event("upload_failed", data={"commits": rest[:_NAMED], "error": redact(why_not)})] if why_not else []
    emit_events(root, *done, *failed)


def _anybody_listens() -> bool:
    """Whether the settings name somebody: read without their schema, because nearly everybody has none."""
    try:
        settings = state_files.read_json(cpv_home() / state_files.CONFIG)
    except (OSError, ValueError):
        return False
    notify = settings.get("notify") if isinstance(settings, dict) else None
    return isinstance(notify, dict) and bool(notify.get("webhook") or notify.get("events"))


def _send(root: Path, events: tuple[Event, ...]) -> None:
    from tempfile import TemporaryFile

    from cpv_hooks.git.detached_process import spawn

    now = time.time()
    # A file and no pipe: writing more than a pipe holds would wait for the process that reads it.
    with TemporaryFile() as messages:
        messages.write(json.dumps([[event.kind, event.subject, dict(event.data), now] for event in events]).encode())
        messages.seek(0)
        spawn(SENDER, root, stdin=messages.fileno())
