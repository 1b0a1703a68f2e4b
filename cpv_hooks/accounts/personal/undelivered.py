"""Notifications that did not arrive: remembered until the next one to the same target does, for doctor and status."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress

from cpv_hooks import state_files
from cpv_hooks.accounts.personal.private_folder import FILE_MODE, changing
from cpv_hooks.console.redact import redact
from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.state_files import cpv_home
from cpv_hooks.system.atomic_files import write_atomic
from cpv_hooks.system.own_files import read_own

_MAX_REASON = 500  # characters
FIXES = {"url": "dvc cpv config set notify.url -", "webhook": "dvc cpv config set notify.webhook -"}


class Undelivered(NamedTuple):
    """What did not arrive at a target: `url`, `webhook`, or a plugin. Times are in seconds since the epoch."""

    target: str
    times: int
    since: float
    event: str
    reason: str

    @property
    def line(self) -> str:
        """One line for people."""
        many = f"{self.times} events have not arrived" if self.times > 1 else "an event has not arrived"
        moment = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.since))
        return f"{self.target}: {many} since {moment}, the last one {self.event}: {self.reason}"

    @property
    def fix(self) -> str:
        return FIXES.get(self.target, "pip uninstall that plugin")


def read_undelivered() -> list[Undelivered]:
    """All of them; a file that is damaged counts as lost."""
    try:
        table = json.loads(read_own(cpv_home() / state_files.UNDELIVERED))
        return [
            Undelivered(str(name), int(row["times"]), float(row["since"]), str(row["event"]), str(row["reason"]))
            for name, row in table.items()
        ]
    except (OSError, CPVError, ValueError, TypeError, KeyError, AttributeError):
        return []


def of_targets_in_use() -> list[Undelivered]:
    """Those of targets that the settings still name, and of plugins."""
    found = read_undelivered()
    if not found:
        return []
    from cpv_hooks.accounts.personal import personal_settings

    notify = personal_settings.load_settings().notify
    unset = {target for target in FIXES if getattr(notify, target) is None}
    return [one for one in found if one.target not in unset]


def note_undelivered(event: str, failures: Mapping[str, str | None]) -> None:
    """Remember why an event did not reach each of these targets; None for one that it reached."""
    known = {one.target: one for one in read_undelivered()}
    if not any(failures.values()) and not known.keys() & failures.keys():
        return
    with suppress(CPVError, OSError), changing("noting what was not delivered") as folder:
        known = {one.target: one for one in read_undelivered()}
        for target, reason in failures.items():
            before = known.pop(target, None)
            if reason is not None:
                times, since = (before.times + 1, before.since) if before else (1, time.time())
                known[target] = Undelivered(target, times, since, event, redact(reason)[:_MAX_REASON])
        rows = {target: one._asdict() for target, one in known.items()}
        write_atomic(folder / state_files.UNDELIVERED, json.dumps(rows).encode(), mode=FILE_MODE)
