"""`python leash.py OWNER COMMAND…`: a command that does not outlive the process OWNER, however that one ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def main(owner: int, command: list[str]) -> int:
    process = subprocess.Popen(command)
    while process.poll() is None:
        if not _is_alive(owner):
            process.kill()
        time.sleep(0.5)
    return process.returncode


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), sys.argv[2:]))
