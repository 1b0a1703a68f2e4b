"""A training job in a process of its own: a loop that saves its state as a text, and what a test says on the way."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

SCRIPT = """
import json, os, sys, time
from pathlib import Path
from dvc_cpv_plugin import CheckpointRun

options, steps, pause, size = json.loads(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
state = {"sum": 0}

def load(folder):
    state.update(json.loads((folder / "model.bin").read_bytes().rstrip(b"\\0")))

def save(folder):
    (folder / "model.bin").write_bytes(json.dumps(state).encode().ljust(size, b"\\0"))

with CheckpointRun(**options) as run:
    start = run.resume(load)
    print("start", start.step if start else None, run.name, flush=True)
    for step in range(start.step + 1 if start else 0, steps):
        state["sum"] += step
        saved = run.step(step, {"loss": 1 / (1 + step)}, save=save)
        if saved and pause == 0:
            run.flush()
        print("step", step, saved, flush=True)
        time.sleep(pause)
print("sum", state["sum"], flush=True)
"""


class Job:
    """The job; `lines` is what it printed until now."""

    def __init__(self, folder: Path, steps: int, *, pause: float = 0.0, size: int = 0, **options: object) -> None:
        command = [sys.executable, "-c", SCRIPT, json.dumps(options), str(steps), str(pause), str(size)]
        self._out, self._err = (folder.parent / f"{name}-{os.urandom(4).hex()}" for name in ("out", "err"))
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=err)

    @property
    def lines(self) -> list[str]:
        return self._out.read_text().splitlines()

    @property
    def errors(self) -> str:
        return self._err.read_text()

    @property
    def skipped(self) -> set[int]:
        """The steps that it said were skipped."""
        return skipped_in(self.errors)

    def until(self, line: str) -> Job:
        """Wait until it has printed a line that begins so."""
        for _ in range(6000):
            if any(one.startswith(line) for one in self.lines):
                return self
            assert self.process.poll() is None, self.errors
            time.sleep(0.01)
        raise AssertionError(f"never printed {line!r}: {self.lines}\n{self.errors}")

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Wait for its end; the exit code."""
        return self.process.wait(timeout=120)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def skipped_in(errors: str) -> set[int]:
    """The steps that are named as skipped on a job's standard error."""
    lines = [line for line in errors.splitlines() if "saving is faster than uploading" in line]
    return {int(number) for line in lines for number in re.findall(r"\d+", line.rpartition(" so step")[2])}
