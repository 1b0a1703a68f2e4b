"""Times commands, and lets contestants run in turn so that a machine whose speed drifts slows them alike."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LAUNCH = Path(__file__).with_name("launch.py")
ITS_TIME_IS_UP = "124"
"""What `timeout` of the GNU core utilities ends with."""
_TOUCH = """
import sys
memory = bytearray(int(sys.argv[1]))
for page in range(0, len(memory), 4096):
    memory[page] = 1
"""


@dataclass(frozen=True)
class Sample:
    """One run of a command. `peak_mb` is the memory of its largest process, in MB of 10^6 bytes.

    `cpu` are the seconds of processor time of all that it waited for.
    """

    seconds: float
    peak_mb: float
    cpu: float = 0.0


@dataclass(frozen=True)
class Target:
    """A ratio to a peer that the project set itself; printed beside what was measured, never asserted.

    It is one of seconds, or with `cpu` one of processor time.
    """

    peer: str
    ratio: float
    cpu: bool = False


def _nothing(number: int) -> None:
    """Nothing to prepare, nothing to check."""


@dataclass(frozen=True)
class Contestant:
    """One way to do the work. `command`, `prepare` and `finish` get the round's number; only the command is timed.

    `rounds`: a slow one takes part in that many rounds only. Warming rounds have negative numbers.
    `limit`: of a command that takes more seconds it is told that it had no result.
    """

    name: str
    folder: Path
    command: Callable[[int], Sequence[str]]
    prepare: Callable[[int], None] = _nothing
    finish: Callable[[int], None] = _nothing
    rounds: int | None = None
    limit: int | None = None


@dataclass(frozen=True)
class Row:
    """What was measured of one kind of work: samples by contestant, in the order of the rounds.

    `base` is a contestant whose cost everyone has (bare Git), so that ratios are those of what is added to it.
    """

    work: str
    samples: Mapping[str, Sequence[Sample]]
    base: str | None = None
    target: Target | None = None
    notes: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True)
class Contest:
    """The contestants of one kind of work; the first is ours.

    `turn`: each round begins with another contestant. Off where one step needs the one before it.
    """

    work: str
    contestants: Sequence[Contestant]
    rounds: int
    warm: int = 0
    base: str | None = None
    target: Target | None = None
    notes: Sequence[str] = ()
    turn: bool = True

    def run(self) -> Row:
        """Run every round."""
        found: dict[str, list[Sample]] = {contestant.name: [] for contestant in self.contestants}
        notes = [*self.notes]
        for number in range(-self.warm, self.rounds):
            at = number % len(self.contestants) if self.turn else 0
            for contestant in (*self.contestants[at:], *self.contestants[:at]):
                if number >= (self.rounds if contestant.rounds is None else contestant.rounds):
                    continue
                contestant.prepare(number)
                within = [] if contestant.limit is None else ["timeout", str(contestant.limit)]
                try:
                    sample = timed(contestant.folder, *within, *contestant.command(number))
                except TookTooLong:
                    notes.append(f"{contestant.name}: no result after {contestant.limit} s")
                    continue
                finally:
                    contestant.finish(number)
                if number >= 0:
                    found[contestant.name].append(sample)
        return Row(self.work, found, self.base, self.target, tuple(notes))


class TookTooLong(Exception):
    """A command was ended by `timeout`."""


def timed(folder: Path, *command: str) -> Sample:
    """Run a command to its end; a failure ends the benchmark with what was printed.

    Raises TookTooLong where the command is `timeout` and its time is up.
    """
    with tempfile.NamedTemporaryFile() as log:
        words = [sys.executable, "-I", "-S", str(LAUNCH), log.name, *command]
        done = subprocess.run(words, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        printed_by_launch = done.stdout.split() if done.returncode == 0 else ["0", "0", done.stderr, "0"]
        seconds, peak, status, cpu = printed_by_launch
        if (command[0], status) == ("timeout", ITS_TIME_IS_UP):
            raise TookTooLong
        if status != "0":
            printed = Path(log.name).read_text(errors="replace")[-3000:]
            raise SystemExit(f"{' '.join(command)[:300]} (in {folder}) ended with {status}\n{printed}")
    return Sample(float(seconds), int(peak) * 1024 / 1e6, float(cpu))


def run(folder: Path, *command: str) -> str:
    """Run a command that is not measured and return its output; a failure ends the benchmark."""
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)[:300]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def settle(fills: int = 0) -> None:
    """Write out what preparations left in memory, so that no contestant waits for another's disk writes.

    `fills`: the bytes that the contestant writes. The memory for them is asked for beforehand: to a guest whose host
    takes free memory back, each page of it costs several times the copy that fills it, and who comes after one that
    left much memory free would pay for it. Four times as much, because some goes back while the contestant runs.
    """
    os.sync()
    if fills:
        count = min(4 * fills, os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)
        run(Path.cwd(), sys.executable, "-I", "-S", "-c", _TOUCH, str(count))
