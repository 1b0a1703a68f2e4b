"""Jobs whose processes are killed at any time, again and again; each start goes on with what the last one has saved.

`CPV_RUN_KILL_ROUNDS=N` kills more often. Each test prints its figures in a line.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.git.repo import Repo
from cpv_hooks.runs import run_refs
from support.job import Job
from support.ranks import Ranks
from support.repos import SETTINGS, ModelRepo
from support.run_kills import ROUNDS, counted

KILLS = 3 * ROUNDS or 2
pytestmark = pytest.mark.timeout(300 + 200 * ROUNDS)
MANY = 10**6
MOST_SECONDS = 2.0
"""How long after its first new step one of a job's processes is killed."""


def background(process: int) -> int | None:
    """The background process of a job."""
    with suppress(OSError, ValueError):
        return int(Path(f"/proc/{process}/task/{process}/children").read_text().split()[0])
    return None


def kill(*processes: int | None) -> None:
    for process in processes:
        if process is not None:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


@pytest.fixture
def repo(make_repo: MakeRepo, tmp_path: Path) -> ModelRepo:
    settings = SETTINGS + '[runs]\nfree = "at once"\n'
    return make_repo(remote=tmp_path / "vision/resnet", settings=settings, files={"model.bin": "first"})


def is_sound(repo: ModelRepo) -> bool:
    """Whether every step that there is can be had; what a killed job has not sent any more is queued."""
    repo.cpv("sync", "--wait")
    report = json.loads(repo.cpv("verify", "--all", "--json").out)
    return all(part["sound"] for part in (report if isinstance(report, list) else [report]))


def test_a_job_is_killed_at_any_time(repo: ModelRepo, capfd: pytest.CaptureFixture[str]) -> None:
    """Its process, its background process, or both: whatever `step` had said was saved is gone on from."""
    chance = random.Random("job")
    with counted("a job", capfd) as figures:
        saved = -1
        for number in range(KILLS):
            job = Job(repo.path, MANY, every=1, keep_last=2, pause=0.01, size=200_000, name="main")
            job.until("start")
            start = job.lines[0].split()[1]
            figures.lost += start != "None" and int(start) < saved
            job.until(f"step {0 if start == 'None' else int(start) + 1} ")
            time.sleep(chance.uniform(0, MOST_SECONDS))
            itself, beside = job.process.pid, background(job.process.pid)
            if number % 3 == 0:
                kill(beside)
                count = len(job.lines)
                job.until(f"step {int(job.lines[count - 1].split()[1]) + 2} ")  # it goes on
                kill(itself)
            else:
                kill(*((itself,) if number % 3 == 1 else (itself, beside)))
            job.end()
            figures.kills += 1
            saved = max(int(line.split()[1]) for line in job.lines if line.startswith("step") and line.endswith("True"))
        last = Job(repo.path, saved + 3, name="main")
        assert last.end() == 0, last.errors
        figures.lost += int(last.lines[0].split()[1]) < saved
        figures.incomplete += last.lines[-1] != f"sum {sum(range(saved + 3))}"
        figures.incomplete += not is_sound(repo)


def test_a_rank_is_killed_at_any_time(repo: ModelRepo, capfd: pytest.CaptureFixture[str]) -> None:
    """One of three, its background process, or both; then the others, as a launcher does it."""
    chance = random.Random("rank")
    shards = [f"shard-{rank}" for rank in range(3)]
    options = json.dumps({"name": "main", "keep_last": 2, "grace": 5})
    with counted("ranks", capfd) as figures:
        done = -1
        for number in range(KILLS + 1):
            job = Ranks([repo.path] * 3, MANY, options, attempt=str(number))
            starts = set()
            for rank in range(3):
                while not job.lines(rank):
                    assert job.processes[rank].poll() is None, job.errors(rank)
                    time.sleep(0.01)
                starts.add(job.lines(rank)[0])
            [line] = starts
            _, start, _, *files = line.split()
            figures.lost += start != "None" and int(start) < done
            figures.incomplete += start != "None" and files != shards
            if number == KILLS:
                break
            for rank in range(3):
                job.until(rank, f"step {0 if start == 'None' else int(start) + 1}")
            time.sleep(chance.uniform(0, MOST_SECONDS))
            victim = job.processes[chance.randrange(3)].pid
            kill(*((background(victim),), (victim,), (victim, background(victim)))[number % 3])
            figures.kills += 1
            time.sleep(chance.uniform(0, MOST_SECONDS))
            kill(*(process.pid for process in job.processes))
            job.end()
            # What a rank has printed it had seen made: it waits for that.
            steps = [[int(one.split()[1]) for one in job.lines(rank) if one.startswith("step")] for rank in range(3)]
            done = min(max(of_rank, default=-1) for of_rank in steps)
        kill(*(process.pid for process in job.processes))
        job.end()
        found = run_refs.steps_of_run(Repo.discover(repo.path), "main")
        assert found
        figures.incomplete += not is_sound(repo)
