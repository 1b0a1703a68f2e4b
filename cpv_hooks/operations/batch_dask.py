"""A batch on the workers of a Dask cluster (https://distributed.dask.org), which is imported only here."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cpv_hooks.errors import CPVError
from cpv_hooks.operations.batch_run import PATIENCE, Ran, run_one


def run_on_dask(
    address: str, roots: Sequence[Path], command: Sequence[str], done: Callable[[Ran], None] = lambda ran: None
) -> list[Ran]:
    """Like `batch.run_here`, on the workers of the Dask cluster at `address`, which bound how many run at a time.

    The workers need this package and the repositories under the same paths. Raises `CPVError` where `distributed` is
    not installed or no scheduler answers.
    """
    try:
        import distributed
    except ImportError as error:
        raise CPVError("Dask's distributed is not installed", fix="pip install distributed") from error
    try:
        client = distributed.Client(address, timeout="10s")
    except (OSError, TimeoutError, ValueError) as error:
        what = f"no Dask scheduler answers at {address}"
        raise CPVError(what, fix="dask scheduler, and its address as it prints it") from error
    with client:
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
