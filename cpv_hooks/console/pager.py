"""The user's pager, chosen as Git chooses it: `GIT_PAGER`, `core.pager`, `PAGER`, `less`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable


def show_paged(lines: Iterable[str], choice: str) -> None:
    """Print lines through a pager, whose command line `git var GIT_PAGER` has printed; it may be left at any line."""
    # As Git sets them where the user has not: leave at once where all fits, keep colours, leave the screen as it is.
    env = {"LESS": "FRX", "LV": "-c", **os.environ}
    sys.stdout.flush()
    process = subprocess.Popen(choice, shell=True, stdin=subprocess.PIPE, env=env)  # noqa: S602 - the user's own setting
    assert process.stdin is not None
    try:
        for line in lines:
            process.stdin.write(f"{line}\n".encode("utf-8", "replace"))
        process.stdin.close()
    except BrokenPipeError:
        pass  # the user has seen enough
    except KeyboardInterrupt:
        process.terminate()
        raise
    finally:
        process.wait()
