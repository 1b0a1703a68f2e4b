"""What a step is and says of itself is bounded when it is saved, so that it can be shown and promoted later."""

from __future__ import annotations

import json

import pytest
from conftest import MakeRepo

from cpv_hooks.git.repo import Repo
from cpv_hooks.runs import run_refs
from cpv_hooks.runs.step_record import RunStep
from support.repos import ModelRepo

BEGIN = """
from dvc_cpv_plugin import CheckpointRun

def save(folder):
    (folder / "model.bin").write_text("trained")
"""
FILES = {"model.bin": "first", "metrics.log": '{"loss": 9}\n'}


def train(repo: ModelRepo, body: str, status: int = 0) -> str:
    return repo.python("-c", BEGIN + body, status=status).err


def only_step(repo: ModelRepo) -> RunStep:
    (step,) = run_refs.steps_of_run(Repo.discover(repo.path), "main")
    return step


def test_every_step_can_be_promoted_whatever_its_metrics_are(make_repo: MakeRepo) -> None:
    """What no version can say is left out, with its reason, when it is saved: later nothing can be done about it."""
    repo = make_repo(files=FILES)
    body = """
with CheckpointRun(every=1) as run:
    many = {f"class {number}": number for number in range(51)}
    run.step(7, {"two\\nlines": 1, "": 2, 3: 4, "k" * 101: 5, "x": [1], **many}, save=save)
"""
    errors = train(repo, body)
    for name in ("'two\\nlines'", "''", "3", "'" + "k" * 99):
        assert errors.count(f"metric {name} is not a name of 1 to 100 printable characters, and is left out\n") == 1
    assert errors.count("metric x is neither a number nor a text, and is left out\n") == 1
    assert errors.count("metric class 50 comes after the first 50, and is left out\n") == 1
    step = only_step(repo)
    assert list(step.metrics) == [f"class {number}" for number in range(50)]
    assert repo.cpv("runs", "promote", "main").lines == ["v0.1"]
    line = json.loads(repo.read("metrics.log").splitlines()[-1])
    assert line == {"step": 7, **{f"class {number}": number for number in range(49)}}


def test_a_step_of_another_clone_can_be_promoted(make_repo: MakeRepo) -> None:
    repo = make_repo(files=FILES)
    train(repo, "with CheckpointRun(every=1) as run: run.step(7, {'loss': 1}, save=save)")
    step = only_step(repo)
    text = repo.git("log", "-1", "--format=%B", step.commit).out.strip()
    message = f'{text}\nCpv-Metric: "two\\nlines"=3\n'
    commit = repo.git("commit-tree", f"{step.commit}^{{tree}}", "-p", step.base, input=message).out.strip()
    repo.git("update-ref", "refs/cpv/runs/main/7", commit)
    assert repo.cpv("runs", "promote", "main").lines == ["v0.1"]
    assert json.loads(repo.read("metrics.log").splitlines()[-1]) == {"step": 7, "loss": 1}


@pytest.mark.parametrize("step", ["10**18", "-1", "True"])
def test_a_step_that_no_run_could_show_is_refused(make_repo: MakeRepo, step: str) -> None:
    repo = make_repo(files=FILES)
    errors = train(repo, f"with CheckpointRun() as run: run.step({step}, save=save)", status=1)
    assert "a step is a whole number of 0 or more with at most 18 digits, not " in errors
    train(repo, "with CheckpointRun() as run: run.step(10**18 - 1, save=save)")
    assert only_step(repo).step == 10**18 - 1


def test_an_artifact_inside_another_one_is_refused_before_anything_is_trained(make_repo: MakeRepo) -> None:
    repo = make_repo(files={"model.bin": "first", "data/a.csv": "a"})
    repo.write("more/b.csv", "b")
    repo.dvc("add", "-q", "more")
    for folder in ("data", "more"):
        errors = train(repo, f"with CheckpointRun(artifact='{folder}/./sub'): print('trained')", status=1)
        assert (
            f"'{folder}/./sub': lies in the artifact {folder}, so no version could have it by itself; fix: " in errors
        )
    train(repo, "with CheckpointRun(artifact='sub/data', every=1) as run: run.step(1, save=save)")
    assert repo.cpv("runs", "promote", "main").lines == ["v0.1"]


@pytest.mark.parametrize("made", ["", "; folder.write_text('trained')"], ids=["no folder", "a file"])
def test_a_folder_that_is_gone_when_save_returns_holds_nothing(make_repo: MakeRepo, made: str) -> None:
    repo = make_repo(files=FILES)
    body = f"""
def save(folder):
    folder.rmdir(){made}

with CheckpointRun(every=1) as run:
    run.step(1, save=save)
"""
    errors = train(repo, body)
    assert (
        "cpv: warning: run main: step 1 is not kept\ncpv: nothing was saved; fix: save into the folder that is "
        in errors
    )
    assert "bug" not in errors
