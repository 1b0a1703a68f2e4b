"""Commands on a real terminal (a pty), as a person meets them."""

from __future__ import annotations

import errno
import os
import pty
import select
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path


def converse(command: Sequence[str | Path], cwd: Path, answers: Sequence[tuple[str, str]]) -> tuple[int, str]:
    """Run a command on a terminal; after each expected text, in turn, type its answer.

    Returns the exit status and all that the terminal showed.
    """
    ours, theirs = pty.openpty()
    # A session of its own: a program that asks on /dev/tty must not find the terminal that the tests were started on.
    process = subprocess.Popen(
        [str(part) for part in command], cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown, seen, waiting = "", 0, list(answers)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        chunk = _read(ours)
        if chunk is None:
            break
        shown += chunk
        if waiting and waiting[0][0] in shown[seen:]:
            seen = len(shown)
            os.write(ours, (waiting.pop(0)[1] + "\n").encode())
    os.close(ours)
    status = process.wait(10)
    assert not waiting, f"never asked for {waiting[0][0]!r}:\n{shown}"
    return status, shown.replace("\r\n", "\n")


def _read(descriptor: int) -> str | None:
    """What the terminal shows next, empty while it is silent; None once the command has closed it."""
    if not select.select([descriptor], [], [], 0.2)[0]:
        return ""
    try:
        return os.read(descriptor, 65536).decode(errors="replace") or None
    except OSError as error:
        if error.errno == errno.EIO:
            return None
        raise
