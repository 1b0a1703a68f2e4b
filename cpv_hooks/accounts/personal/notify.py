"""Telling the user that an operation is over: a webhook, else the desktop, else the terminal's bell.

A notification that fails is a warning; it never fails the operation.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from cpv_hooks.console import output
from cpv_hooks.console.redact import redact, remember
from cpv_hooks.errors import CPVError

if TYPE_CHECKING:
    from urllib.request import Request

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
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        output.warn(f"no notification was sent: {_reason(error)}")


def _way(title: str, text: str) -> Callable[[], None]:
    from cpv_hooks.accounts.personal import personal_settings

    url = personal_settings.load().notify.url
    if url is not None:
        return lambda: _post(url, title, text)
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


# The webhook


def _post(url: str, title: str, text: str) -> None:
    """POST `{"text": …}`, which Slack, Mattermost, Teams and most others take. Raises `OSError` or `ValueError`."""
    import json
    import threading
    from urllib.parse import urlsplit
    from urllib.request import Request

    from cpv_hooks import __version__

    parts = urlsplit(url)
    # Whoever knows the address can write to the channel.
    for secret in (url, parts.path.strip("/"), parts.query):
        remember(secret)
    data = json.dumps({"text": f"{title}\n{text}"}).encode()
    headers = {"Content-Type": "application/json", "User-Agent": f"dvc-cpv/{__version__}"}
    request = Request(url, data, headers, method="POST")  # noqa: S310 - the settings allow https, and this machine
    failed: list[OSError | ValueError] = []
    # In a thread, because looking up a name, or a server that sends byte by byte, knows no time-out.
    thread = threading.Thread(target=_send, args=(request, parts.hostname or "", failed), daemon=True)
    thread.start()
    thread.join(SECONDS)
    if thread.is_alive():
        raise TimeoutError(f"{parts.hostname} took longer than {SECONDS} s")
    if failed:
        raise OSError(f"{parts.hostname}: {_reason(failed[0])}") from failed[0]


def _send(request: Request, host: str, failed: list[OSError | ValueError]) -> None:
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import HTTPRedirectHandler, ProxyHandler, build_opener

    from cpv_hooks.accounts.personal.schema import LOOPBACK

    class NoRedirect(HTTPRedirectHandler):
        """What is posted goes where the user said, and nowhere else."""

        def redirect_request(self, *_: object) -> None:
            return None

    proxies = [ProxyHandler({})] if host in LOOPBACK else []
    try:
        build_opener(NoRedirect, *proxies).open(request, timeout=SECONDS).close()
    except HTTPError as error:
        error.close()
        failed.append(OSError(f"HTTP status {error.code}"))
    except HTTPException as error:
        failed.append(OSError(f"no HTTP answer ({type(error).__name__})"))
    except (OSError, ValueError) as error:
        failed.append(error)


# The desktop and the bell


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
        fix = "dvc cpv config set notify.url -"
        raise OSError(f"no webhook, no desktop and no terminal; fix: {fix}")
    with suppress(OSError):
        sys.stderr.write("\a")
        sys.stderr.flush()
