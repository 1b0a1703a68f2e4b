"""What `migrate mlflow` must make of the store that `write_mlflow` writes."""

from __future__ import annotations

import json
from pathlib import Path

from support import inside
from support.repos import ModelRepo

SETTINGS = '[cpv]\nmodel = "resnet"\n[artifacts]\nmodel = ["model"]\ndata = ["data"]\nmetrics = ["metrics.log"]\n'


def check_mlflow(repo: ModelRepo, store: str | Path, *options: str | Path) -> None:
    """Migrate, and look at each version; `repo` has `SETTINGS`."""
    # In a process of its own: GTO asks libgit2, which looks for the user's settings once in a process.
    done = repo.cpv("migrate", "mlflow", store, *options)
    assert "skipped, without artifacts: empty" in done.err
    tags = [line.partition("\t")[0] for line in done.lines]
    assert tags == ["v0.0", "v0.1", "v0.2", "v0.3", "resnet#champion#1", "resnet#staging#2"]
    weights = {"v0.0": "weights 0", "v0.1": "weights 1", "v0.2": "logged 1", "v0.3": "logged 2"}
    for tag, text in weights.items():
        folder = repo.path.parent / f"out-{tag}"
        inside.cpv(repo.path, "export", tag, "--to", folder)
        assert (folder / "model/model.pkl").read_text() == text
        assert (folder / "model/MLmodel").is_file()
    body = repo.git("show", "-s", "--format=%b", "v0.0").lines
    assert "MLflow run try-0 of experiment resnet, finished" in body
    assert {"registered as resnet50 version 1", "param lr = 0.1", "tag note = run 0\\nsecond line"} <= set(body)
    assert json.loads(inside.cpv(repo.path, "model", "info", "--tag", "v0.1", "--json").out)["metrics"] == {
        "loss": 0.25
    }
    assert repo.changes() == []
    again = inside.cpv(repo.path, "migrate", "mlflow", store, *options)
    assert again.out == "all 4 are versions already\n", again.text
