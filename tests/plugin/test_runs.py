"""`dvc cpv runs`: training runs looked at, promoted, dropped and gone on with."""

from __future__ import annotations

import json
import shlex
import signal
from pathlib import Path

import pytest
from conftest import MakeRepo

from support.job import Job
from support.repos import SETTINGS, ModelRepo, object_names


@pytest.fixture
def repo(make_repo: MakeRepo, tmp_path: Path) -> ModelRepo:
    """A finished run of the steps 0, 3 and 4, of which 0 has the highest loss."""
    files = {"model.bin": "first", "metrics.log": '{"loss": 9}\n'}
    settings = SETTINGS + '[runs]\nfree = "at once"\n'
    repo = make_repo(remote=tmp_path / "vision/resnet", settings=settings, files=files)
    job = Job(repo.path, 5, every=1, keep_last=2, keep_best=1, metric="loss", mode="max")
    assert job.end() == 0, job.errors
    return repo


def test_list_and_show(repo: ModelRepo) -> None:
    [line] = repo.cpv("runs", "list").lines
    assert line.split("\t")[:5] == ["main", "finished", "3 steps", "last 4", "best 0 by loss (max)"]
    [found] = json.loads(repo.cpv("runs", "list", "--json").out)
    assert (found["run"], found["state"], found["count"], found["best"]) == ("main", "finished", 3, 0)
    assert found["last"]["step"] == 4
    rows = [line.split("\t") for line in repo.cpv("runs", "show", "main").lines]
    assert [(row[0], row[3], row[4], row[5]) for row in rows] == [
        ("0", "loss 1.0", "best 1 by loss (max)", "-"),
        ("3", "loss 0.25", "last 2", "-"),
        ("4", "loss 0.2", "last 2", "-"),
    ]
    shown = json.loads(repo.cpv("runs", "show", "main", "--json").out)
    assert [step["metrics"] for step in shown["steps"]] == [{"loss": 1.0}, {"loss": 0.25}, {"loss": 0.2}]
    assert shown["steps"][0]["artifacts"] == ["model.bin"]
    assert shown["steps"][0]["base"] == repo.head()
    (series,) = [one for one in shown["series"] if one["name"] == "loss"]
    assert (series["axis"], series["steps"], series["values"]) == ("step", [0, 3, 4], [1.0, 0.25, 0.2])
    assert (series["last"], series["goal"], series["best_step"]) == (0.2, "min", 4)


@pytest.mark.parametrize(
    ("asked", "step", "content"),
    [("main", 4, '{"sum": 10}'), ("main@last", 4, '{"sum": 10}'), ("main@best", 0, '{"sum": 0}')],
)
def test_promote(repo: ModelRepo, asked: str, step: int, content: str) -> None:
    before = repo.head()
    assert repo.cpv("runs", "promote", asked).out == "v0.1\n"
    assert repo.git("rev-parse", "v0.1^1").out.strip() == before
    assert repo.git("log", "-1", "--format=%s").out == f"Model v0.1: run main, step {step}\n"
    assert repo.read("model.bin").decode() == content
    assert json.loads(repo.read("metrics.log").splitlines()[-1])["step"] == step
    assert repo.changes() == []
    assert json.loads(repo.cpv("log", "-n", "1", "--json").out)[0]["metrics"]["loss"] == 1 / (1 + step)
    assert repo.cpv("runs", "promote", asked).out in ("v0.1\n", "v0.2\n")


def test_promote_with_a_tag_and_a_message_and_in_json(repo: ModelRepo) -> None:
    dry = repo.cpv("runs", "promote", "main@3", "--tag", "v1.0", "--dry-run").out
    assert "would git: create refs/tags/v1.0" in dry
    assert repo.tags() == ["v0.0"]
    told = repo.cpv("runs", "promote", "main@3", "--tag", "v1.0", "-m", "first release", "--json").out
    assert json.loads(told) == {"tag": "v1.0", "run": "main", "step": 3}
    assert repo.git("log", "-1", "--format=%s").out == "Model v1.0: first release\n"
    assert repo.read("model.bin") == b'{"sum": 6}'


def test_promote_keeps_what_was_not_saved_and_says_where_the_code_differs(repo: ModelRepo) -> None:
    repo.write("train.py", "rate = 2\n")
    repo.git("add", "train.py")
    repo.commit("other code")
    repo.write("model.bin", "trained by hand")
    done = repo.cpv("runs", "promote", "main@3")
    assert "HEAD's code differs from that of step 3" in done.err
    assert "train.py" in done.err
    assert len(repo.cpv("rescue", "list").lines) == 1


def test_the_main_metric_of_the_settings_tells_the_best(make_repo: MakeRepo, tmp_path: Path) -> None:
    settings = SETTINGS + '[metrics]\nmain = "loss"\nloss = "max"\n'
    repo = make_repo(remote=tmp_path / "vision/resnet", settings=settings, files={"model.bin": "first"})
    assert Job(repo.path, 3, every=1).end() == 0
    assert repo.cpv("runs", "list").lines[0].split("\t")[4] == "best 0 by loss (max)"
    for words in (("main@best",), ("main@best", "--metric", "loss")):
        assert json.loads(repo.cpv("runs", "promote", *words, "--json").out)["step"] == 0
    assert (
        json.loads(repo.cpv("runs", "promote", "main@best", "--metric", "loss", "--mode", "min", "--json").out)["step"]
        == 2
    )


def test_promote_by_another_metric_and_what_it_refuses(repo: ModelRepo) -> None:
    assert repo.cpv("runs", "promote", "main@best", "--metric", "loss", "--mode", "min", "--json").out
    assert repo.read("model.bin") == b'{"sum": 10}'
    for asked, what in {
        "nobody": "there is no run 'nobody'; fix: dvc cpv runs list",
        "main@7": "run main: has no step '7'; fix: dvc cpv runs show main",
        "../x": "'../x' is not a name for a run",
    }.items():
        assert what in repo.cpv("runs", "promote", asked, status=1).err
    assert "no step has acc as a number" in repo.cpv("runs", "promote", "main@best", "--metric", "acc", status=1).err
    assert repo.changes() == []


def test_a_promoted_step_outlives_its_run(repo: ModelRepo, tmp_path: Path) -> None:
    store = tmp_path / "vision/resnet/files/md5"
    repo.cpv("runs", "promote", "main@3")
    before = object_names(store)
    planned = json.loads(repo.cpv("runs", "drop", "main", "--dry-run", "--json").out)
    assert [step["step"] for step in planned] == [0, 3, 4]
    assert repo.cpv("runs", "drop", "main@4").err.endswith("dropped run main, step 4\n")
    assert len(before - object_names(store)) == 1
    repo.cpv("runs", "drop", "main")
    assert repo.git("for-each-ref", "refs/cpv").out == ""
    assert len(before - object_names(store)) == 2
    assert not (repo.path / ".git/cpv/runs/main").exists()
    assert repo.cpv("verify", "--all").status == 0
    assert repo.cpv("runs", "list").out == ""
    assert "there is no run 'main'" in repo.cpv("runs", "show", "main", status=1).err


def test_the_command_to_go_on_with_does(repo: ModelRepo) -> None:
    repo.write("notes.txt", "x")
    repo.git("add", "notes.txt")
    base = repo.head()
    repo.commit("notes")
    command = repo.cpv("runs", "resume-command", "main").out.strip()
    assert command.startswith(f"cd {shlex.quote(str(repo.path))} && git checkout {base} && CPV_RUN=main ")
    told = json.loads(repo.cpv("runs", "resume-command", "main", "--json").out)
    assert told == {"run": "main", "command": command, "ranks": 1}
    assert repo.run("sh", "-c", command).lines[0] == "start 4 main"


def test_the_command_brings_back_code_that_was_not_committed(make_repo: MakeRepo) -> None:
    """The job ran in a folder of the work tree; a file of bytes outside it had changed."""
    repo = make_repo(files={"model.bin": "first"})
    repo.write("src/train.py", "x")
    repo.write("vocabulary.bin", b"\0one")
    repo.git("add", "-A")
    repo.commit("code")
    repo.write("vocabulary.bin", b"\0two")
    job = Job(repo.path / "src", 2, every=1)
    assert job.end() == 0, job.errors
    repo.git("checkout", "-q", "--", "vocabulary.bin")
    repo.run("sh", "-c", repo.cpv("runs", "resume-command", "main").out.strip())
    assert repo.read("vocabulary.bin") == b"\0two"


def test_a_run_at_work_is_not_dropped(repo: ModelRepo) -> None:
    job = Job(repo.path, 1000, name="other", every=1000, pause=0.05).until("step 1")
    assert "other" in repo.cpv("runs", "show", "other", "--json").out
    job.send(signal.SIGTERM)
    job.end()
    job = Job(repo.path, 1000, name="other", every=1000, pause=0.05).until("step")
    assert "a job is working on run other" in repo.cpv("runs", "drop", "other", status=1).err
    job.kill()
