"""Which files of a commit its metrics are read from, and what is said where there are none."""

from __future__ import annotations

import json

import pytest
from conftest import MakeRepo

from support.repos import SETTINGS, ModelRepo

KINDS = SETTINGS + '[artifacts]\nmodel = ["model"]\nmetrics = ["metrics.json", "live"]\n'
STATE = {"best_metric": 0.4, "epoch": 2.0, "log_history": [{"loss": 1.0}, {"loss": 0.5}]}
NAMED = "metrics.json: no metrics were found in it"


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    return make_repo(settings=KINDS)


def tag(repo: ModelRepo, number: int) -> str:
    return repo.git("tag", "-l", "--format=%(contents)", f"v0.{number}").out


def save(repo: ModelRepo, **files: str) -> str:
    """Commit files; returns what was said."""
    for name, content in files.items():
        repo.write(name, content)
    repo.git("add", "-A")
    return repo.git("commit", "-qm", "work").err


def test_a_nested_document(repo: ModelRepo) -> None:
    save(repo, **{"model/w.bin": "1", "metrics.json": '{\n  "train": {\n    "loss": 0.5\n  },\n  "step": 7\n}\n'})
    assert "step 7, train.loss 0.5" in tag(repo, 0)
    assert json.loads(repo.cpv("model", "info", "--json").out)["metrics"] == {"step": 7, "train.loss": 0.5}


def test_a_trainers_state_inside_the_model(repo: ModelRepo) -> None:
    old = json.dumps({"log_history": [{"loss": 9.0}]})
    state = json.dumps(STATE, indent=2)
    states = {"model/checkpoint-500/trainer_state.json": old, "model/checkpoint-1000/trainer_state.json": state}
    save(repo, **{"model/w.bin": "1", **states})
    assert "loss 0.5, epoch 2.0, best_metric 0.4" in tag(repo, 0)
    save(repo, **{"model/w.bin": "2", "metrics.json": '{"acc": 1}'})
    found = json.loads(repo.cpv("model", "info", "--json").out)["metrics"]
    assert (found["acc"], found["model/checkpoint-1000/trainer_state.json:loss"]) == (1, 0.5)


def test_a_folder_of_metrics(repo: ModelRepo) -> None:
    save(repo, **{"model/w.bin": "1", "live/metrics.json": '{"a": {"b": 1}}', "live/plots/loss.tsv": "step\tx\n1\t2\n"})
    assert "a.b 1" in tag(repo, 0)


def test_what_gives_none_is_named_once(repo: ModelRepo) -> None:
    assert NAMED in save(repo, **{"model/w.bin": "1", "metrics.json": "to be done\n"})
    assert NAMED not in save(repo, **{"model/w.bin": "2", "metrics.json": "to be done later\n"})
    assert NAMED not in save(repo, **{"model/w.bin": "3", "metrics.json": '{"loss": 1}\n'})
    assert NAMED in save(repo, **{"model/w.bin": "4", "metrics.json": "lost again\n"})
    assert NAMED not in save(repo, **{"model/w.bin": "5", "metrics.json": ""}), "an empty one has nothing to give yet"
