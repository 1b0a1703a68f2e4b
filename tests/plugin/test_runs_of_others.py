"""`dvc cpv runs` with runs that several ranks made, that another clone has pushed, and of which a step is dropped."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from conftest import MakeRepo

from support.job import Job
from support.ranks import Ranks
from support.repos import SETTINGS, ModelRepo, object_names

AT_ONCE = SETTINGS + '[runs]\nfree = "at once"\n'


def shown(repo: ModelRepo, run: str = "main") -> list[tuple[int, list[str], list[str]]]:
    """The steps of a run, their artifacts, and why they are kept."""
    found = json.loads(repo.cpv("runs", "show", run, "--json").out)["steps"]
    return [(step["step"], step["artifacts"], step["kept"]) for step in found]


def test_a_run_of_several_ranks(make_repo: MakeRepo, tmp_path: Path) -> None:
    store = tmp_path / "vision/resnet"
    repo = make_repo(remote=store, settings=AT_ONCE, files={"model.bin": "first"})
    before = repo.objects()
    job = Ranks([repo.path] * 2, 3, json.dumps({"keep_last": 3}), attempt="1")
    assert job.end() == [0, 0], job.errors()
    assert shown(repo) == [(step, ["checkpoint"], ["last 3"]) for step in range(3)]
    assert len(repo.objects() - before) == 9  # two parts and the folder, of each step
    # The parts of steps 0 and 1 are not the same; each goes with its own step, in the cache and on the remote.
    assert repo.cpv("runs", "drop", "main@1").err.endswith("dropped run main, step 1\n")
    assert len(repo.objects() - before) == len(object_names(store / "files/md5") - before) == 6
    assert [step for step, *_ in shown(repo)] == [0, 2]
    assert repo.cpv("verify", "--all").status == 0
    asked = repo.cpv("runs", "resume-command", "main")
    assert "run main: this is one of 2 ranks; start them as they were started (torchrun, srun)" in asked.err
    assert json.loads(repo.cpv("runs", "resume-command", "main", "--json").out)["ranks"] == 2
    shared = {**os.environ, "WORLD_SIZE": "2", "CPV_ATTEMPT": "2", "PYTHONPATH": str(Path(__file__).parents[1])}
    ranks = [
        subprocess.Popen(["sh", "-c", asked.out], env={**shared, "RANK": rank}, stdout=subprocess.PIPE, text=True)
        for rank in "01"
    ]
    assert [rank.communicate(timeout=200)[0].split("\n")[0] for rank in ranks] == ["start 2 main shard-0 shard-1"] * 2
    repo.cpv("runs", "drop", "main")
    assert (repo.objects(), object_names(store / "files/md5")) == (before, before)


def test_a_run_that_another_clone_has_pushed(make_repo: MakeRepo, tmp_path: Path) -> None:
    """Its folder is on the other machine: what is kept, and the job's command line, nobody knows here."""
    settings = SETTINGS + "[runs]\npush = true\n"
    repo = make_repo(remote=tmp_path / "vision/resnet", settings=settings, files={"model.bin": "first"})
    repo.git("init", "-q", "--bare", "../host.git")
    repo.git("remote", "add", "origin", "../host.git")
    repo.git("push", "-q", "origin", "HEAD", "--tags")
    assert Job(repo.path, 3, every=1, keep_last=2).end() == 0
    repo.git("clone", "-q", "../host.git", "../other")
    other = ModelRepo(tmp_path / "other")
    other.cpv("install")
    refused = other.cpv("runs", "show", "main", status=1).err
    assert "there is no run 'main'; fix: dvc cpv runs list, or, where another clone has pushed it, " in refused
    other.run("sh", "-c", refused.strip().partition("pushed it, ")[2])
    assert shown(other) == [(1, ["model.bin"], []), (2, ["model.bin"], [])]
    assert other.cpv("runs", "resume-command", "main").out == "CPV_RUN=main python train.py\n"
    assert other.cpv("runs", "promote", "main@1").out == "v0.1\n"
    assert other.read("model.bin") == b'{"sum": 1}'
    other.cpv("runs", "drop", "main@2")
    assert [step for step, *_ in shown(other)] == [1]
    listed = other.git("ls-remote", "origin", "refs/cpv/*").out
    assert ("refs/cpv/runs/main/1" in listed, "refs/cpv/runs/main/2" in listed) == (True, False)
    # Here the step is there yet: another clone's drop takes nothing of this one, nor what it needs.
    assert [step for step, *_ in shown(repo)] == [1, 2]
    assert repo.cpv("verify", "--all").status == 0


def test_a_run_goes_on_from_the_last_step_that_is_left(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = make_repo(remote=tmp_path / "vision/resnet", settings=AT_ONCE, files={"model.bin": "first"})
    assert Job(repo.path, 4, every=1, keep_last=3, keep_best=1, metric="loss").end() == 0
    repo.cpv("runs", "drop", "main@3")
    assert shown(repo) == [(1, ["model.bin"], ["last 3"]), (2, ["model.bin"], ["last 3", "best 1 by loss (min)"])]
    [row] = [line.split("\t") for line in repo.cpv("runs", "list").lines]
    assert row[:5] == ["main", "finished", "2 steps", "last 2", "best 2 by loss (min)"]
    for words in (("drop", "main@3"), ("promote", "main@3")):
        assert "run main: has no step '3'; fix: dvc cpv runs show main" in repo.cpv("runs", *words, status=1).err
    command = repo.cpv("runs", "resume-command", "main").out
    done = repo.run("sh", "-c", command)
    assert (done.lines[0], done.lines[-1]) == ("start 2 main", f"sum {sum(range(4))}")
    assert [step for step, *_ in shown(repo)] == [1, 2, 3]


def test_the_refs_of_a_run_are_pushed_after_its_data(make_repo: MakeRepo, tmp_path: Path) -> None:
    settings = SETTINGS + "[runs]\npush = true\n"
    repo = make_repo(settings=settings, files={"model.bin": "first"})
    repo.git("init", "-q", "--bare", "../host.git")
    repo.git("remote", "add", "origin", "../host.git")
    storage = tmp_path / "storage"
    storage.rename(tmp_path / "away")
    storage.write_text("a file where the folder should be")
    job = Job(repo.path, 2, every=1)
    assert job.end() == 0
    assert "run main is not pushed: " in job.errors
    assert "Traceback" not in job.errors
    assert repo.git("ls-remote", "origin").out == ""
    storage.unlink()
    (tmp_path / "away").rename(storage)
    again = Job(repo.path, 2, name="main")
    assert again.end() == 0, again.errors
    pushed = repo.git("ls-remote", "origin").out.split()[1::2]
    assert pushed == [f"refs/cpv/runs/main/{step}" for step in range(2)]
