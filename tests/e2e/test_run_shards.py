"""A sharded job: each rank saves its own file, and a step is there when all of them are, or not at all."""

from __future__ import annotations

import hashlib
import json
import signal
import time
from pathlib import Path

import pytest
import yaml
from conftest import MakeRepo

from cpv_hooks.git.repo import Repo
from cpv_hooks.runs import run_refs
from support.ranks import SCRIPT, Ranks
from support.repos import ModelRepo, object_names
from support.run_kills import ROUNDS, Figures, counted
from support.seaweed import Server

SHARDS = ["shard-0", "shard-1", "shard-2"]
# Where a rank is killed in its second step, and whether that step is complete all the same.
KILLS = [
    ("cpv_hooks.runs.run_folder:RunFolder.claim after 2", 1, False),
    ("cpv_hooks.ranks.shard:upload_shard before 2", 2, False),
    ("cpv_hooks.ranks.follower:FollowerWorker._say after 2", 1, True),
    ("cpv_hooks.runs.run_refs:write_step_ref before 2", 0, False),
]


def steps(repo: ModelRepo, run: str = "main") -> list[int]:
    return [step.step for step in run_refs.steps_of_run(Repo.discover(repo.path), run)]


def listing(repo: ModelRepo, step: int) -> dict[str, str]:
    """The files of a step by their names, as the directory object in the cache has them."""
    pointer = yaml.safe_load(repo.git("show", f"refs/cpv/runs/main/{step}:checkpoint.dvc").out)["outs"][0]
    oid = str(pointer["md5"])
    data = json.loads(repo.read(f".dvc/cache/files/md5/{oid[:2]}/{oid[2:]}"))
    return {str(entry["relpath"]): str(entry["md5"]) for entry in data}


def test_a_step_is_what_all_ranks_saved(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = make_repo(remote=tmp_path / "vision/resnet", files={"model.bin": "first"})
    job = Ranks([repo.path] * 4, 2, attempt="1")
    assert job.end() == [0] * 4, [job.errors(rank) for rank in range(4)]
    assert steps(repo) == [0, 1]
    assert sorted(listing(repo, 1)) == [*SHARDS, "shard-3"]
    folder = repo.path / "same"
    for rank in range(4):
        repo.write(f"same/shard-{rank}", f"of rank {rank}: 1")
    repo.dvc("add", "-q", "same")
    by_dvc = yaml.safe_load(repo.read("same.dvc"))["outs"][0]
    ours = yaml.safe_load(repo.git("show", "refs/cpv/runs/main/1:checkpoint.dvc").out)["outs"][0]
    assert folder.is_dir()
    assert {**by_dvc, "path": "checkpoint"} == ours
    assert object_names(tmp_path / "vision/resnet/files/md5") >= {ours["md5"], *listing(repo, 1).values()}
    assert not list((tmp_path / "vision/resnet/cpv/ranks").rglob("*.*"))
    repo.run("rm", "-r", "same", "same.dvc")


def test_what_a_rank_has_saved_is_on_its_way_while_another_still_saves(make_repo: MakeRepo, tmp_path: Path) -> None:
    """Else the step of all would wait for rank 0's upload after that of the others."""
    repo, waits = make_repo(remote=tmp_path / "vision/resnet", files={"model.bin": "first"}), tmp_path / "saves"
    job = Ranks([repo.path] * 3, 1, attempt="1", env={"WAITS": f"2 {waits}"})
    of = {hashlib.md5(f"of rank {rank}: 0".encode(), usedforsecurity=False).hexdigest() for rank in (0, 1)}
    try:
        until = time.monotonic() + 300
        while not object_names(tmp_path / "vision/resnet/files/md5") >= of and time.monotonic() < until:
            time.sleep(0.05)
        assert object_names(tmp_path / "vision/resnet/files/md5") >= of, job.errors(0)
        assert steps(repo) == []
    finally:
        waits.touch()
    assert job.end() == [0] * 3, job.errors(0)
    assert steps(repo) == [0]


@pytest.mark.timeout(300 * (1 + ROUNDS))
def test_a_rank_dies_at_a_stage_and_leaves_no_incomplete_step(
    make_repo: MakeRepo, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    repo = make_repo(remote=tmp_path / "vision/resnet", files={"model.bin": "first"})
    with counted("a rank at every stage", capfd) as figures:
        _kill_ranks(repo, figures)


def _kill_ranks(repo: ModelRepo, figures: Figures) -> None:
    complete: int | None = None
    options = json.dumps({"name": "main", "grace": 2})
    for number, (place, rank, is_there) in enumerate([("save", 1, False), *KILLS * (ROUNDS or 1)]):
        env = {"KILL": f"{rank} {place}"} if number else {"DIE": "1 save 1"}
        # Where all parts are there, a slow machine gets the time to make a step of them.
        patient = json.dumps({"name": "main", "grace": 20})
        job = Ranks([repo.path] * 3, 10**6, patient if is_there else options, attempt=str(number), env=env)
        job.end_after_a_death((complete or 0) + 2 if is_there else None)
        started = {job.lines(rank)[0].split()[1] for rank in range(3)}
        figures.kills += 1
        figures.lost += started != {str(complete)}
        complete = (-1 if complete is None else complete) + 1 + is_there
    last = Ranks([repo.path] * 3, (complete or 0) + 1, options, attempt="last")
    assert last.end() == [0] * 3
    assert {last.lines(rank)[0] for rank in range(3)} == {f"start {complete} main {' '.join(SHARDS)}"}
    figures.incomplete += sum(sorted(listing(repo, step)) != SHARDS for step in steps(repo))


def test_ranks_that_share_only_s3(make_repo: MakeRepo, s3_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two ranks in one clone, the third on another machine: its clone never has the run's refs."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    bucket = s3_server.make_bucket()
    repo = make_repo(remote=f"s3://{bucket}/vision/resnet", server=s3_server, files={"model.bin": "first"})
    repo.git("clone", "-q", ".", "../other")
    other = ModelRepo(repo.path.parent / "other")
    other.write(".dvc/config.local", repo.read(".dvc/config.local").decode())
    folders = [repo.path, repo.path, other.path]
    options = json.dumps({"keep_last": 1, "grace": 2})
    job = Ranks(folders, 2, options, attempt="1")
    assert job.end() == [0] * 3, [job.errors(rank) for rank in range(3)]
    assert (steps(repo), steps(other)) == ([1], [])
    files = listing(repo, 1)
    assert sorted(files) == SHARDS
    assert files["shard-2"] not in repo.objects()
    assert other.objects() == {files["shard-2"]}  # what is not kept has left this cache too
    assert not [key for key in s3_server.keys(bucket, "") if "cpv/ranks" in key]
    repo.git("update-ref", "-d", "refs/cpv/runs/main/finished")  # as if it had been stopped
    killed = Ranks(folders, 9, options, attempt="2", env={"KILL": "2 cpv_hooks.ranks.shard:upload_shard before 1"})
    killed.end_after_a_death()
    again = Ranks(folders, 2, options, attempt="3")
    assert again.end() == [0] * 3
    assert {again.lines(rank)[0] for rank in range(3)} == {f"start 1 main {' '.join(SHARDS)}"}
    assert steps(repo) == [1]


def test_all_ranks_stop_at_one_step(make_repo: MakeRepo) -> None:
    """The signal reaches one of them, which is not rank 0."""
    repo = make_repo(files={"model.bin": "first"})
    job = Ranks([repo.path] * 3, 10**6, json.dumps({"every": 10**6}), attempt="1", env={"PAUSE": "0.01"})
    job.until(1, "step 2")
    job.send(1, signal.SIGTERM)
    assert job.end() == [143] * 3
    assert len({job.lines(rank)[-1] for rank in range(3)}) == 1
    last = int(job.lines(0)[-1].split()[1])
    assert steps(repo) == [last + 1]  # the step at which they ended was not printed any more
    assert sorted(listing(repo, last + 1)) == SHARDS


def test_the_clock_of_rank_0_decides_when_all_save(make_repo: MakeRepo) -> None:
    """By theirs, which are years away, the others would never save; a signal to one is agreed on after these saves."""
    repo = make_repo(files={"model.bin": "first"})
    own = (
        "options['minutes'] *= 1 + rank * 10**6\nreal = time.time\ntime.time = lambda: real() - rank * 10**8\nstate = "
    )
    options = json.dumps({"minutes": 0.003, "every": 10**6})
    env = {"PAUSE": "0.01"}
    job = Ranks([repo.path] * 3, 10**6, options, attempt="1", env=env, script=SCRIPT.replace("state = ", own, 1))
    while len(steps(repo)) < 3:
        assert job.processes[0].poll() is None, job.errors()
    job.send(1, signal.SIGTERM)
    assert job.end() == [143] * 3
    assert steps(repo)[-1] == int(job.lines(0)[-1].split()[1]) + 1
    assert all(sorted(listing(repo, step)) == SHARDS for step in steps(repo))
    assert "is not kept" not in job.errors()


def test_two_ranks_that_take_one_name_are_refused(make_repo: MakeRepo) -> None:
    repo = make_repo(files={"model.bin": "first"})
    job = Ranks([repo.path] * 2, 1, attempt="1", env={"NAME": "model.pt"})
    assert job.end() == [0, 0]
    assert "step 0 is not kept" in job.errors()
    assert "ranks 0 and 1 both saved model.pt; fix: let each rank save under a name of its own" in job.errors()
    assert steps(repo) == []


def test_ranks_that_do_not_come(make_repo: MakeRepo) -> None:
    """Without a word that is this start's alone nobody is looked for on the remote, and that is said."""
    repo = make_repo(files={"model.bin": "first"})
    code = (
        "from cpv_hooks.ranks import training\n"
        "training.PATIENCE = 0.2\n"
        "from dvc_cpv_plugin import CheckpointRun\n"
        "CheckpointRun(sharded=True, rank={rank}, world_size=2).__enter__()\n"
    )
    first = repo.python("-c", code.format(rank=0), status=1)
    assert "not all other ranks have joined (this is rank 0 of 2); fix: use CheckpointRun(sharded=True)" in first.err
    assert "the same CPV_ATTEMPT" in first.err
    other = repo.python("-c", code.format(rank=1), status=1)
    assert "rank 0 has not begun a run that this rank belongs to (this is rank 1 of 2)" in other.err


@pytest.mark.parametrize("rank", [0, 1])
def test_a_background_process_is_killed_while_the_job_goes_on(make_repo: MakeRepo, rank: int) -> None:
    repo = make_repo(files={"model.bin": "first"})
    job = Ranks([repo.path] * 2, 30, json.dumps({"every": 5}), attempt="1", env={"PAUSE": "0.05"})
    job.until(rank, "step 6")
    process = job.processes[rank].pid
    [child] = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    repo.run("kill", "-9", child)
    assert job.end() == [0, 0], [job.errors(number) for number in range(2)]
    assert steps(repo)[-1] == 25
    assert all(sorted(listing(repo, step)) == SHARDS[:2] for step in steps(repo))
