"""A Dask cluster of processes that nobody watches over: no nanny is there to be slow to start."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

SCHEDULER = """
import asyncio
from distributed import Scheduler

async def main():
    async with Scheduler(host="127.0.0.1", port=0, dashboard=False) as scheduler:
        print(scheduler.address, flush=True)
        await scheduler.finished()

asyncio.run(main())
"""
WORKER = """
import asyncio, os, signal, sys
from distributed import Worker
from cpv_hooks.transfer.objects import on_dask
real = on_dask._upload

def upload(root, oids):
    with open(os.environ["LOG"], "a") as log:
        log.write("".join(f"{oid}\\n" for oid in oids))
    if os.environ.get("DIES"):
        os.kill(os.getpid(), signal.SIGKILL)
    real(root, oids)

on_dask._upload = upload

async def main():
    async with Worker(sys.argv[1], nthreads=1, dashboard=False) as worker:
        print("ready", flush=True)
        await worker.finished()

asyncio.run(main())
"""


def _start(code: str, *arguments: str, env: Mapping[str, str] | None = None) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **(env or {})},
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


@contextmanager
def cluster(folder: Path, workers: int = 1, dying: int = 0) -> Iterator[str]:
    """The scheduler's address. `worker-N` in the folder has what a worker uploads; the first `dying` die then."""
    processes = []
    try:
        scheduler, address = _start(SCHEDULER)
        processes.append(scheduler)
        assert address.startswith("tcp://"), address
        for number in range(workers):
            env = {"LOG": str(folder / f"worker-{number}"), "DIES": "yes" if number < dying else ""}
            worker, said = _start(WORKER, address, env=env)
            processes.append(worker)
            assert said == "ready"
        yield address
    finally:
        for process in reversed(processes):
            process.kill()
            process.communicate()
