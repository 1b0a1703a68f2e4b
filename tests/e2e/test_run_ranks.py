"""A distributed job: each rank uses `CheckpointRun`, rank 0 saves, and all go on from the same step."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from conftest import MakeRepo

from cpv_hooks.git.repo import Repo
from cpv_hooks.runs import run_refs
from support.repos import ModelRepo

JOB = """
import os, signal, sys
from dvc_cpv_plugin import CheckpointRun

def save(folder):
    (folder / "model.bin").write_text(os.environ["RANK"])

with CheckpointRun(every=1) as run:
    start = run.resume(lambda folder: print("loads", (folder / "model.bin").read_text(), flush=True))
    first = start.step + 1 if start else 0
    print("first", first, run.name, flush=True)
    if os.environ["RANK"] != "0":
        os.kill(os.getpid(), signal.SIGTERM)
    for step in range(first, first + 2):
        print("saved", run.step(step, {}, save=save), flush=True)
        run.flush()
"""


def start(repo: ModelRepo, port: int, ranks: Sequence[int]) -> list[str]:
    """What each rank printed."""
    shared = {**os.environ, "WORLD_SIZE": str(len(ranks)), "MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    command = [sys.executable, "-c", JOB]
    jobs = [
        subprocess.Popen(command, cwd=repo.path, env={**shared, "RANK": str(rank)}, stdout=subprocess.PIPE, text=True)
        for rank in ranks
    ]
    printed = [job.communicate(timeout=200)[0] for job in jobs]
    assert [job.returncode for job in jobs] == [0] * len(jobs)
    return printed


def test_rank_0_saves_and_all_go_on_from_its_step(make_repo: MakeRepo) -> None:
    repo = make_repo(files={"model.bin": "first"})
    ranks = (2, 1, 0)  # those that wait for rank 0 come first
    assert set(start(repo, 1, ranks)[:2]) == {"first 0 main\nsaved False\nsaved False\n"}
    found = Repo.discover(repo.path)
    assert [step.step for step in run_refs.steps_of_run(found, "main")] == [0, 1]
    assert repo.git("for-each-ref", "--format=%(refname)", "refs/cpv/runs").out.count("/main/") == 3
    found.run("update-ref", "-d", "refs/cpv/runs/main/finished")  # as if it had been stopped
    printed = start(repo, 2, ranks)
    assert set(printed[:2]) == {"loads 0\nfirst 2 main\nsaved False\nsaved False\n"}
    assert printed[2] == "loads 0\nfirst 2 main\nsaved True\nsaved True\n"
    assert run_refs.run_names(found) == ["main"]


STARTS_ANOTHER = """
import os, pickle, subprocess, sys
from dvc_cpv_plugin import CheckpointRun, CPVError

with CheckpointRun(every=1) as run:
    start = run.resume(lambda folder: None)
    if not run.rank:
        like_lightning = {"NODE_RANK": "0", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "MASTER_PORT": "1"}
        other = subprocess.Popen([sys.executable, __file__], env={**os.environ, **like_lightning})
        if os.fork() == 0:
            try:
                run.step(0, {}, save=lambda folder: (folder / "model.bin").write_text("forked"))
            except CPVError as error:
                print(error, flush=True)
            os._exit(0)
        os.wait()
        try:
            pickle.dumps(run)
        except CPVError as error:
            print(error, flush=True)
    print(run.rank, run.name, run.step(0, {}, save=lambda folder: (folder / "model.bin").write_text("0")), flush=True)
    if not run.rank:
        other.wait()
"""


def test_a_rank_that_rank_0_has_started_itself_joins_its_job(make_repo: MakeRepo) -> None:
    """As Lightning does it; a process that is only a copy of rank 0 is none, and says so."""
    repo = make_repo(files={"model.bin": "first"})
    repo.write("train.py", STARTS_ANOTHER)
    printed = repo.python("train.py").out.splitlines()
    assert [line for line in printed if "another one" not in line] == ["0 main True", "1 main False"]
    assert (
        sum("a run belongs to the process that began it, and this is another one; fix: " in line for line in printed)
        == 2
    )
    assert run_refs.run_names(Repo.discover(repo.path)) == ["main"]
