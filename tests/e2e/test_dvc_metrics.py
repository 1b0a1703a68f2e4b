"""DVC's own commands for metrics and plots, in a repository whose commits CPV makes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRepo

from support.repos import SETTINGS, ModelRepo

KINDS = SETTINGS + '[artifacts]\nmodel = ["model.bin"]\nmetrics = ["metrics.json", "curves"]\n'
FILES = Path(__file__).parents[1] / "metrics"
LISTED = "metrics:\n- metrics.json\nplots:\n- curves/metrics.csv:\n    x: step\n    y: loss\n"


def asked(repo: ModelRepo, *args: str) -> Any:
    return json.loads(repo.dvc(*args).out)


@pytest.mark.compatibility("DVC", "`dvc metrics`, `dvc plots`, DVCLive's folder")
def test_show_diff_and_plots(make_repo: MakeRepo) -> None:
    repo = make_repo(settings=KINDS)
    repo.write("dvc.yaml", LISTED)
    for number, loss in enumerate((0.5, 0.25)):
        repo.write("model.bin", f"model {number}")
        repo.write("metrics.json", json.dumps({"loss": loss, "train": {"acc": number}}))
        repo.write("curves/metrics.csv", f"step,loss\n0,1.0\n1,{loss}\n")
        repo.git("add", "-A")
        repo.git("commit", "-qm", f"version {number}")
    shown = asked(repo, "metrics", "show", "--json")
    assert shown[""]["data"]["metrics.json"]["data"] == {"loss": 0.25, "train": {"acc": 1}}
    changed = asked(repo, "metrics", "diff", "v0.0", "v0.1", "--json")["metrics.json"]
    assert changed["loss"] == {"old": 0.5, "new": 0.25, "diff": -0.25}
    ours = json.loads(repo.cpv("diff", "v0.0", "v0.1", "--json").out)["metrics"]
    change = {one["name"].removeprefix("metrics.json:"): one["change"] for one in ours}
    assert all(change[name] == value["diff"] for name, value in changed.items())
    plots = asked(repo, "plots", "diff", "v0.0", "v0.1", "--json")["data"]
    contents = [one["content"] for plot in plots.values() for one in plot]
    points = [row for content in contents for row in content["data"]["values"] if row["rev"] == "v0.1"]
    assert [(row["step"], row["loss"]) for row in points] == [("0", "1.0"), ("1", "0.25")]
    (version, _) = json.loads(repo.cpv("log", "--json", "--series").out)
    series = {(one["file"], one["name"]): (one["steps"], one["values"]) for one in version["series"]}
    assert series["curves/metrics.csv", "loss"] == ([0, 1], [1.0, 0.25])


@pytest.mark.compatibility("DVC", "`dvc metrics`, `dvc plots`, DVCLive's folder")
def test_folders_of_the_common_loggers(make_repo: MakeRepo) -> None:
    """The tag has the last values; every step is in the files."""
    kinds = '[artifacts]\nmodel = ["model.bin"]\nmetrics = ["dvclive", "tb", "mlruns"]\n[metrics]\nloss = "min"\n'
    repo = make_repo(settings=SETTINGS + kinds)
    for name, folder in (("dvclive", "dvclive"), ("torch", "tb/train"), ("tensors", "tb/val"), ("mlruns", "mlruns")):
        shutil.copytree(FILES / name, repo.path / folder)
    shutil.copytree(repo.path / "tb/train", repo.path / "tb/val", dirs_exist_ok=True)
    repo.write("tb/val/events.out.tfevents.9.cut", "junk")
    repo.write("model.bin", "model")
    repo.git("add", "-A")
    repo.git("commit", "-qm", "trained")
    done = repo.cpv("log", "--json", "--series", status=1)
    assert done.err == (
        "cpv: warning: v0.0: tb/val/events.out.tfevents.9.cut: no metrics were found in it;"
        " fix: a plugin's cpv_metrics reads other files\n"
    )
    (version,) = json.loads(done.out)
    run = next(Path(FILES / "mlruns/0").iterdir()).name
    acc = {"dvclive/metrics.json:train.acc", "tb/train:train/acc", "tb/val:train/acc", f"mlruns/0/{run}:train/acc"}
    assert {name: value for name, value in version["metrics"].items() if "acc" in name} == dict.fromkeys(acc, 0.625)
    curves = [
        (one["name"], one["axis"], one["steps"], one["best"]) for one in version["series"] if len(one["steps"]) > 1
    ]
    assert sorted(curves) == [
        *[("loss", "step", [0, 1, 2], 0.5)] * 4,
        ("train.acc", "step", [0, 1, 2], 0.75),
        *[("train/acc", "step", [0, 1, 2], 0.75)] * 3,
    ]
