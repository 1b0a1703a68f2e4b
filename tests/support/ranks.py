"""A sharded training job: a process for each rank, in one clone or in several."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

SCRIPT = """
import json, os, sys, time
from pathlib import Path
from cpv_hooks.ranks import training
training.LEADER = training.FOLLOWER = "support.rank_worker"
from dvc_cpv_plugin import CheckpointRun

options, steps = json.loads(sys.argv[1]), int(sys.argv[2])
rank = int(options.get("rank", os.environ.get("RANK", os.environ.get("SLURM_PROCID", 0))))
state = {"sum": 0}
seen = []

def load(folder):
    seen.extend(sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()))
    state["sum"] = int((folder / f"shard-{rank}").read_text().split()[-1])

def save(folder):
    name = os.environ.get("NAME", f"shard-{rank}")
    (folder / name).write_text(f"of rank {rank}: {state['sum']}")
    waits, _, what = os.environ.get("WAITS", "").partition(" ")
    while waits == str(rank) and not os.path.exists(what):
        time.sleep(0.01)
    if os.environ.get("DIE") == f"{rank} save {step}":
        os.kill(os.getpid(), 9)

step = -1
with CheckpointRun(sharded=True, **options) as run:
    start = run.resume(load)
    print("start", start.step if start else None, run.name, *seen, flush=True)
    for step in range(start.step + 1 if start else 0, steps):
        state["sum"] += step
        if run.step(step, {"loss": 1.0 / (1 + step)}, save=save):
            print("saved", step, flush=True)
            run.flush()
        print("step", step, flush=True)
        time.sleep(float(os.environ.get("PAUSE", 0)))
print("sum", state["sum"], flush=True)
"""


class Ranks:
    """The processes of a job; `lines` and `errors` are what each rank printed."""

    def __init__(
        self,
        folders: Sequence[Path],
        steps: int,
        options: str = "{}",
        *,
        attempt: str,
        env: Mapping[str, str] = {},
        script: str = SCRIPT,
    ) -> None:
        shared = {**os.environ, "WORLD_SIZE": str(len(folders)), "CPV_ATTEMPT": attempt, **env}
        shared["PYTHONPATH"] = str(Path(__file__).parents[1])
        command = [sys.executable, "-c", script, options, str(steps)]
        self._files = [folder.parent / f"rank-{rank}-{attempt}" for rank, folder in enumerate(folders)]
        self.processes = []
        for rank, folder in enumerate(folders):
            with open(f"{self._files[rank]}.out", "wb") as out, open(f"{self._files[rank]}.err", "wb") as err:
                environment = {**shared, "RANK": str(rank)}
                self.processes.append(subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=err))

    def lines(self, rank: int) -> list[str]:
        """What a rank has printed until now."""
        return Path(f"{self._files[rank]}.out").read_text().splitlines()

    def errors(self, rank: int = 0) -> str:
        """What it said on the standard error."""
        return Path(f"{self._files[rank]}.err").read_text()

    def until(self, rank: int, line: str) -> None:
        """Wait until a rank has printed a line."""
        for _ in range(30_000):
            if line in self.lines(rank):
                return
            assert self.processes[rank].poll() is None, self.errors(rank)
            time.sleep(0.01)
        raise AssertionError(f"rank {rank} never printed {line!r}: {self.lines(rank)}\n{self.errors(rank)}")

    def end(self) -> list[int]:
        """Wait for the end of all; their exit codes."""
        return [process.wait(timeout=600) for process in self.processes]

    def end_after_a_death(self, saved: int | None = None) -> None:
        """Kill the rest once one is dead, as torchrun does, and once they have saved that step."""
        until = time.monotonic() + 300
        while all(process.poll() is None for process in self.processes) and time.monotonic() < until:
            time.sleep(0.05)
        for rank, process in enumerate(self.processes):
            if saved is not None and process.poll() is None:
                self.until(rank, f"saved {saved}")
        for process in self.processes:
            process.kill()
        self.end()

    def send(self, rank: int, number: signal.Signals) -> None:
        """Send one of them a signal."""
        self.processes[rank].send_signal(number)
