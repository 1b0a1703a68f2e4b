"""Telling the user that an operation is over: by Apprise, else on the desktop, else by the terminal's bell.

A notification that fails is a warning; it never fails the operation.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

from cpv_hooks.console import output
from cpv_hooks.console.redact import hide, redact
from cpv_hooks.errors import CPVError, one_line

SECONDS = 5
"""How long a notification may take."""
_TEXT_LIMIT = 1000  # characters
_APPLE_SCRIPT = ("on run argv", "display notification (item 2 of argv) with title (item 1 of argv)", "end run")


def notify(title: str, text: str) -> None:
    """Send a notification, by the first way that there is: `notify.url`, `notify-send`, `osascript`, the bell."""
    title, text = (output.printable(redact(part))[:_TEXT_LIMIT] for part in (title, text))
    try:
        way = _way(title, text)
    except CPVError as error:
        output.warn(f"no notification was sent: {error}")
        return
    try:
        way()
    except (CPVError, OSError, ValueError, subprocess.SubprocessError) as error:
        output.warn(f"no notification was sent: {_reason(error)}")


def _way(title: str, text: str) -> Callable[[], None]:
    from cpv_hooks.accounts.personal import personal_settings

    url = personal_settings.load_settings().notify.url
    if url is not None:
        return lambda: _send(url, title, text)
    command = _desktop(title, text)
    if command is not None:
        return lambda: _run(command)
    return _ring


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"{os.path.basename(error.cmd[0])} took longer than {SECONDS} s"
    if isinstance(error, subprocess.CalledProcessError):
        return f"{os.path.basename(error.cmd[0])} ended with status {error.returncode}"
    reason = getattr(error, "reason", error)
    return str(getattr(reason, "strerror", None) or reason or type(error).__name__)


def _send(address: str, title: str, text: str) -> None:
    """Raises `OSError`, `ValueError` or `CPVError`."""
    import threading

    from cpv_hooks.accounts.personal import apprise_send

    # Whoever knows the address can write to the channel.
    for one in apprise_send.SEPARATOR.split(address):
        parts = urlsplit(one)
        for secret in (one, parts.path.strip("/"), parts.query):
            hide(secret)
    failed: list[Exception] = []

    def work() -> None:
        try:
            apprise_send.send_by_apprise(address, title, text)
        except Exception as error:  # noqa: BLE001 - Apprise's services are others' code
            failed.append(error)

    # In a thread, because looking up a name, or a server that sends byte by byte, knows no time-out.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(SECONDS)
    if thread.is_alive():
        raise TimeoutError(f"it took longer than {SECONDS} s")
    if failed:
        raise failed[0] if isinstance(failed[0], CPVError) else OSError(str(failed[0]))


def _desktop(title: str, text: str) -> list[str] | None:
    """The command that shows a notification, or None. Its arguments can be seen by every user of the machine."""
    if found := _program("notify-send"):
        from html import escape

        return [found, "--app-name=CPV", "--", title, escape(text, quote=False)]
    if found := _program("osascript"):
        script = [part for line in _APPLE_SCRIPT for part in ("-e", line)]
        return [found, *script, title, text]
    return None


def _program(name: str) -> str | None:
    found = shutil.which(name)
    # A relative entry of PATH means the current folder, which may be anybody's repository.
    return found if found and os.path.isabs(found) else None


def _run(command: Sequence[str]) -> None:
    quiet = subprocess.DEVNULL
    subprocess.run(command, stdin=quiet, stdout=quiet, stderr=quiet, timeout=SECONDS, check=True)


def _ring() -> None:
    if not sys.stderr.isatty():
        raise OSError(one_line("no address, no desktop and no terminal", fix="dvc cpv config set notify.url -"))
    with suppress(OSError):
        sys.stderr.write("\a")
        sys.stderr.flush()
