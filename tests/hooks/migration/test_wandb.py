"""`migrate wandb`: what offline runs logged becomes versions, from the files that W&B staged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from conftest import MakeRepo

from support import inside
from support.moved import SETTINGS
from support.repos import ModelRepo
from support.stored import contents
from support.unchanged import nothing_changes

RUN = Path(__file__).parents[2] / "wandb"
"""What W&B itself wrote: `tests/support/write_wandb.py`."""


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    return make_repo(settings=SETTINGS)


@pytest.mark.compatibility("Import and export", "from W&B's offline runs")
def test_each_logged_artifact_is_a_version(repo: ModelRepo, tmp_path: Path) -> None:
    before = contents(RUN)
    shutil.copytree(RUN / "run", tmp_path / "wandb/offline-run-20261128_165409-first")
    done = inside.cpv(repo.path, "migrate", "wandb", "../wandb", "--artifacts", RUN / "staging")
    assert [line.split("\t")[0] for line in done.lines] == ["v0.0", "v0.1"], done.text
    assert done.lines[0].split("\t")[1].startswith("first resnet ")
    for tag, step in (("v0.0", 1), ("v0.1", 2)):
        repo.git("checkout", "-q", tag)
        found = contents(repo.path / "model")
        assert found == {"config.json": b"{}\n", "sub/model.pt": b"weights %d" % step}
        last = json.loads(repo.read("metrics.log").splitlines()[-1])
        assert last == {"loss": 1 / step, "step": step, "acc": 0.25 * step}
    body = repo.git("show", "-s", "--format=%b", "v0.1").lines
    assert {"alias latest", "alias step-2", "config lr = 0.1"} <= set(body)
    repo.git("checkout", "-q", "main")
    again = inside.cpv(repo.path, "migrate", "wandb", RUN / "run", "--artifacts", RUN / "staging")
    assert again.out == "all 2 are versions already\n"
    assert (contents(RUN), repo.changes()) == (before, [])


def test_what_is_missing_or_damaged_is_named_and_nothing_changes(repo: ModelRepo, tmp_path: Path) -> None:
    def refused(*args: str | Path) -> str:
        with nothing_changes(repo.path):
            done = inside.cpv(repo.path, "migrate", "wandb", *args)
        assert (done.status, len(done.err.splitlines())) == (1, 1), done.text
        assert "Traceback" not in done.err
        return done.err

    run = RUN / "run"
    said = refused(run)
    assert "config.json of resnet (first): is not where W&B staged it, /srv/wandb/data/artifacts/staging/" in said
    assert said.endswith("; fix: name the folder that has the staged files: --artifacts DIR\n")
    assert "no run here logged 'bert' (there are resnet)" in refused(run, "--artifact", "bert")
    assert "has no offline W&B run" in refused(repo.path)
    assert "does not exist" in refused("nowhere")
    staging = tmp_path / "staging"
    shutil.copytree(RUN / "staging", staging)
    (bad,) = [path for path in staging.iterdir() if path.read_bytes() == b"weights 2"]
    bad.write_bytes(b"weights 3")
    assert refused(run, "--artifacts", staging) == (
        f"cpv: {bad}: is not what W&B noted (its MD5 differs); fix: restore it\n"
    )
    other = tmp_path / "other.wandb"
    other.write_bytes(b"something")
    assert "is not a file of a W&B run" in refused(other)
    other.write_bytes((run / "run-first.wandb").read_bytes()[:100])
    assert "no run here logged an artifact (there are none)" in refused(other)
