"""The background upload: a process of its own that outlives the command, and works off the queue."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from cpv_hooks.project.project import Project

_TRIES, _PAUSE = 3, 0.03  # seconds


def upload_queued(project: Project) -> None:
    """Upload what is queued, until nothing is left that was not tried."""
    from cpv_hooks.project.project import root_key
    from cpv_hooks.transfer.objects.upload_queue import Queue

    queue, root = Queue.of(project.repo), root_key(project)
    # Somebody may queue a commit while the one who holds the lock is about to leave, so look again after it.
    while any(item.tried is None for item in queue.pending(root)):
        if not _work(project):
            return


def _work(project: Project) -> bool:
    """Upload once; False where another worker is at work. Who only looks holds the lock too, for a moment."""
    from cpv_hooks.system.locks import Busy
    from cpv_hooks.transfer.commits.queued_uploads import retry_queued
    from cpv_hooks.transfer.commits.upload_locks import working

    for _ in range(_TRIES):
        try:
            with working(project):
                retry_queued(project)
            return True
        except Busy:
            time.sleep(_PAUSE)
    return False


def main(argv: list[str]) -> int:
    """`python -m cpv_hooks.worker ROOT`."""
    from cpv_hooks.console.output import fail
    from cpv_hooks.git.repo import Repo
    from cpv_hooks.project.project import Project

    try:
        root = Path(argv[0])
        upload_queued(Project.open(Repo.discover(root), root))
    except Exception as error:  # noqa: BLE001 - the last resort: one line and a log
        return fail(error)
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
