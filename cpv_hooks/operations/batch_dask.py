"""A batch on the workers of a Dask cluster (https://distributed.dask.org), which is imported only here."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cpv_hooks.operations.batch_run import PATIENCE, Ran, run_one
from cpv_hooks.system.dask_cluster import connect_cluster


def run_on_dask(
    address: str, roots: Sequence[Path], command: Sequence[str], done: Callable[[Ran], None] = lambda ran: None
) -> list[Ran]:
    """Like `batch.run_here`, on the workers of the Dask cluster at `address`, which bound how many run at a time.

    The workers need this package and the repositories under the same paths. Raises `CPVError` where `distributed` is
    not installed or no scheduler answers.
    """
    with connect_cluster(address) as client:
        import distributed

        name = f"cpv-batch-{os.getpid()}-{time.time_ns()}"
        futures = client.map(_on_worker, [(str(root), tuple(command), name) for root in roots], pure=False, retries=0)
        try:
            return list(_gathered(distributed.as_completed(futures), dict(zip(futures, roots, strict=True)), done))
        except KeyboardInterrupt:
            distributed.Event(name).set()
            distributed.wait(futures, timeout=PATIENCE + 5)
            raise


def _on_worker(job: tuple[str, tuple[str, ...], str]) -> Ran:
    import distributed

    root, command, name = job
    return run_one(root, command, distributed.Event(name).is_set)


def _gathered(futures: Any, roots: dict[Any, Path], done: Callable[[Ran], None]) -> Iterator[Ran]:
    for future in futures:
        error = future.exception()
        ran = future.result() if error is None else Ran(str(roots[future]), "failed", None, 0.0, "", f"worker: {error}")
        done(ran)
        yield ran
