"""A rank that leaves a sharded job, or fails to save, costs the step: nobody waits for what will never come."""

from __future__ import annotations

import json
import signal
import time

import pytest
from conftest import MakeRepo

from cpv_hooks.git.repo import Repo
from cpv_hooks.runs import run_refs
from support.ranks import SCRIPT, Ranks
from support.repos import ModelRepo

pytestmark = pytest.mark.timeout(100)  # what would wait for ever

# At a step a rank leaves, or its save raises; before GATE's a rank waits for the file OPEN.
LEAVING = (
    SCRIPT.replace(
        "def save(folder):\n",
        "def now(what):\n"
        "    return os.environ.get(what) == f'{rank} {step}'\n"
        "def save(folder):\n"
        "    (folder / 'half').write_text('half')\n"
        "    if now('RAISES'):\n"
        "        raise RuntimeError('boom')\n"
        "    (folder / 'half').unlink()\n",
    )
    .replace(
        '        state["sum"] += step\n',
        '        state["sum"] += step\n'
        '        while now("GATE") and not os.path.exists(os.environ["OPEN"]):\n'
        "            time.sleep(0.01)\n"
        '        exec(now("AT") * os.environ["DOES"])\n'
        '        if now("ENDS"):\n            break\n',
    )
    .replace("if run.step(", "if attempt(")
    .replace(
        "step = -1\n",
        "def attempt(step, metrics, save):\n"
        "    try:\n"
        "        return run.step(step, metrics, save=save)\n"
        "    except RuntimeError:\n"
        "        if not os.environ.get('CATCHES'):\n"
        "            raise\n"
        "step = -1\n",
    )
)
WAYS = {
    "save": ({"RAISES": "1 2"}, 1, "RuntimeError: boom", "its save raised RuntimeError: boom"),
    "exception": ({"AT": "1 2", "DOES": "raise KeyError('lr')"}, 1, "KeyError: 'lr'", ""),
    "sys.exit": ({"AT": "1 2", "DOES": "sys.exit(3)"}, 3, "", ""),
    "os._exit": ({"AT": "1 2", "DOES": "os._exit(4)"}, 4, "", ""),
    "early end": ({"ENDS": "1 2"}, 0, "", ""),
}


def steps(repo: ModelRepo) -> list[int]:
    return [step.step for step in run_refs.steps_of_run(Repo.discover(repo.path), "main")]


def said(job: Ranks, rank: int) -> list[str]:
    text = job.errors(rank)
    assert "Traceback" not in text
    lines = [line.removeprefix("cpv: warning: run main: ") for line in text.splitlines()]
    return [line for line in lines if "is not kept" in line or "no longer saves" in line]


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_the_others_go_on_without_the_steps_of_a_rank_that_left(make_repo: MakeRepo, way: str, late: bool) -> None:
    """Its background process answers for it; or rank 0 is so late with its own part that this one is gone too."""
    repo, (env, status, own, why) = make_repo(files={"model.bin": "first"}), WAYS[way]
    gate = repo.path.parent / "gate"
    env = {"DOES": "", **env, **({"GATE": "0 2", "OPEN": str(gate)} if late else {"STAYS": f"1 {gate}"})}
    job = Ranks([repo.path] * 3, 4, json.dumps({"grace": 1}), attempt="1", env=env, script=LEAVING)
    if late:
        assert job.processes[1].wait(timeout=60) == status
        until = time.monotonic() + 200
        while not any((repo.path / ".git/cpv/ranks").rglob("*.bye-1*")):
            assert time.monotonic() < until, job.errors(1)
            time.sleep(0.01)
    else:
        job.until(0, "step 3")
    gate.touch()
    assert job.end() == [0, status, 0], [job.errors(rank) for rank in range(3)]
    assert own in job.errors(1)
    assert steps(repo) == [0, 1]
    answer = "rank 1 has left the job" if late else "rank 1: it did not save this step"
    assert said(job, 0) == [
        f"step 2 is not kept: {f'rank 1: {why}' if why else answer}",
        f"step 3 is not kept: {answer}",
    ]
    assert "half" not in repo.git("ls-tree", "-r", "--name-only", "refs/cpv/runs/main/1").out


def test_a_save_that_fails_costs_that_step_alone(make_repo: MakeRepo) -> None:
    """The loop catches what its save raised, and goes on: so do the next steps."""
    repo = make_repo(files={"model.bin": "first"})
    env = {"RAISES": "1 2", "CATCHES": "yes", "DOES": ""}
    job = Ranks([repo.path] * 3, 4, attempt="1", env=env, script=LEAVING)
    assert job.end() == [0, 0, 0], [job.errors(rank) for rank in range(3)]
    assert steps(repo) == [0, 1, 3]
    [line] = said(job, 0)
    assert "step 2 is not kept: rank 1: its save raised RuntimeError: boom" in line
    assert said(job, 1) == said(job, 2) == []


@pytest.mark.parametrize("way", ["save", "exception", "sys.exit"])
def test_the_others_hear_that_rank_0_has_left(make_repo: MakeRepo, way: str) -> None:
    """They go on without saving, start no background process for it, and end at once where they are told to."""
    repo, (env, status, own, _) = make_repo(files={"model.bin": "first"}), WAYS[way]
    env = {key: value.replace("1 2", "0 2") for key, value in env.items()}
    starts, gate = repo.path.parent / "starts", repo.path.parent / "gate"
    options = json.dumps({"grace": 60})
    env = {"DOES": "", "PAUSE": "0.01", "STARTS": str(starts), "GATE": "0 2", "OPEN": str(gate), **env}
    job = Ranks([repo.path] * 2, 10**6, options, attempt="1", env=env, script=LEAVING)
    job.until(1, "saved 2")
    gate.touch()
    job.until(1, "step 9")
    job.send(1, signal.SIGTERM)
    assert job.end() == [status, 143], [job.errors(rank) for rank in range(2)]
    assert own in job.errors(0)
    assert steps(repo) == [0, 1]
    assert said(job, 1) == [
        "step 2 of rank 1 is not kept: rank 0 has left the job",
        "rank 0 has left the job, so rank 1 no longer saves anything",
    ]
    assert [line for line in job.lines(1) if line.startswith("saved")] == [f"saved {step}" for step in range(3)]
    assert starts.read_text().split().count("1") == 1
    again = Ranks([repo.path] * 2, 4, attempt="2", env={"DOES": ""}, script=LEAVING)
    assert again.end() == [0, 0]
    assert again.lines(1)[0].startswith("start 1 main")
    assert steps(repo) == [0, 1, 2, 3]


@pytest.mark.parametrize("waits", [True, False])
def test_a_rank_of_which_nothing_is_heard_any_more(make_repo: MakeRepo, waits: bool) -> None:
    """Its machine is gone, and nobody has killed the others: rank 0 saves, and gives the step up, or it ends first."""
    repo = make_repo(files={"model.bin": "first"})
    env = {"KILL": "1 cpv_hooks.ranks.shard:upload_shard before 2"}
    script = SCRIPT
    if not waits:
        env["SILENCE"] = "1000"
        script = script.replace("run.flush()", "step or run.flush()")
    job = Ranks([repo.path] * 2, 2, json.dumps({"grace": 1}), attempt="1", env=env, script=script)
    assert job.end() == [0, -9], job.errors(0)
    assert steps(repo) == [0]
    why = "rank 1 has not answered for 10 seconds"
    assert said(job, 0) == [
        f"step 1 is not kept: {why if waits else 'the job has ended, and nothing came from rank 1'}"
    ]


def test_a_rank_that_never_answers_does_not_keep_the_others_from_saving_by_the_clock(make_repo: MakeRepo) -> None:
    repo = make_repo(files={"model.bin": "first"})
    env = {"KILL": "1 cpv_hooks.ranks.signals:FollowerAgreement.look before 1", "PAUSE": "0.05"}
    options = json.dumps({"minutes": 0.0001, "every": 10**6, "grace": 1})
    job = Ranks([repo.path] * 2, 2, options, attempt="1", env=env)
    assert job.end()[0] == 0, job.errors(0)
    assert "run main: rank 1 does not answer, so the others agree on a step without it" in job.errors(0)


def test_rank_0_leaves_before_it_says_where_to_go_on(make_repo: MakeRepo) -> None:
    """In a job whose rank 0 alone saves: the others would wait ten minutes for its word."""
    repo = make_repo(files={"model.bin": "first"})
    script = (
        "import os, sys, time\nfrom dvc_cpv_plugin import CheckpointRun\n"
        "with CheckpointRun(grace=0.1) as run:\n"
        "    if os.environ['RANK'] == '0':\n"
        "        while not os.path.exists('joined'):\n"
        "            time.sleep(0.01)\n"
        "        sys.exit(5)\n"
        "    open('joined', 'w').close()\n"
        "    run.resume(print)\n"
    )
    job = Ranks([repo.path] * 2, 1, attempt="1", script=script)
    assert job.end() == [5, 1]
    assert "rank 0 has not said which step it resumes from; fix: call resume on every rank" in job.errors(1)


def test_a_job_that_is_over_as_soon_as_it_has_begun(make_repo: MakeRepo) -> None:
    """Rank 1's background process hears where to go on and that it is over at once, and then no more."""
    repo = make_repo(files={"model.bin": "first"})
    gate = repo.path.parent / "gate"
    held = ["follower:FollowerWorker._look", "signals:Listener.end"]
    env = {"HOLD": ";".join(f"1 cpv_hooks.ranks.{one} {gate}" for one in held)}
    job = Ranks([repo.path] * 2, 0, attempt="1", env=env)
    until = time.monotonic() + 60
    while not gate.with_name("gate.end").exists():
        assert time.monotonic() < until, job.errors(1)
        time.sleep(0.01)
    [notes] = (repo.path / ".git/cpv/ranks").glob("*/notes")
    notes.rename(notes.with_name("away"))
    notes.write_text("the disk that both share is gone")
    gate.touch()
    assert job.end() == [0, 0], [job.errors(rank) for rank in range(2)]
    assert job.lines(1)[0] == "start None main"
