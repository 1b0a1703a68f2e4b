"""`migrate checkpoints`: a folder of dated or numbered checkpoints becomes versions, in their order."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.errors import CPVError
from cpv_hooks.migration import checkpoint_folder
from cpv_hooks.migration.checkpoint_folder import metrics_in_name, order_in_name
from support import inside, killed
from support.repos import ModelRepo
from support.shell import Shell
from support.stored import contents
from support.unchanged import nothing_changes

DAY = 86_400


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("2024-05-01", "2024-05-01 00:00:00"),
        ("model-20240501.pt", "2024-05-01 00:00:00"),
        ("2024-05-01T12-30-05", "2024-05-01 12:30:05"),
        ("2024-02-31", None),
        ("step-1000.pt", "step 1000"),
        ("checkpoint-500", "step 500"),
        ("global_step00020", "step 20"),
        ("epoch=3-step=1000.ckpt", "step 1000"),
        ("epoch=3-val_loss=0.12.ckpt", "epoch 3"),
        ("model_12.pt", "number 12"),
        ("resnet50-7", "number 7"),
        ("last.ckpt", None),
        ("best_model2x.pt", None),
    ],
)
def test_what_a_name_says_of_its_place(name: str, said: str | None) -> None:
    found = order_in_name(name)
    assert (None if found is None else str(found)) == said


def test_what_a_name_says_of_metrics() -> None:
    assert metrics_in_name("epoch=3-step=20-val_loss=0.12-acc=1e-2.ckpt") == {"val_loss": 0.12, "acc": 0.01}


def fill(folder: Shell, names: tuple[str, ...] = ("step-20.pt", "step-3.pt", "step-100.pt")) -> dict[str, bytes]:
    for at, name in enumerate(names):
        path = folder.write(name, f"content of {name}")
        os.utime(path, (at * DAY, at * DAY))
    return contents(folder.path)


def migrate(repo: ModelRepo, *args: str | Path, status: int = 0) -> str:
    done = inside.cpv(repo.path, "migrate", "checkpoints", *args)
    assert done.status == status, done.text
    assert "Traceback" not in done.text
    return done.err if status else done.out


@pytest.mark.compatibility("Import and export", "from a folder of dated or numbered checkpoints")
def test_each_is_a_version_in_the_order_of_steps(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo, runs = make_repo(), Shell(tmp_path / "runs")
    before = fill(runs)
    with nothing_changes(repo.path):
        shown = migrate(repo, "../runs", "--dry-run").splitlines()
    assert [line.split()[:3] for line in shown[:3]] == [
        ["step", "3", "step-3.pt"], ["step", "20", "step-20.pt"], ["step", "100", "step-100.pt"],
    ]  # fmt: skip
    assert shown[3:] == ["would make 3 versions of model.bin (63 B)"]
    assert migrate(repo, "../runs") == "v0.0\tstep-3.pt\nv0.1\tstep-20.pt\nv0.2\tstep-100.pt\n"
    assert contents(runs.path) == before
    log = repo.git("log", "--reverse", "--format=%s|%as|%(trailers:key=Migrated-From,valueonly,separator=%x2C)").lines
    assert log[1:] == [
        "Model v0.0: step-3.pt|1970-01-02|checkpoints runs step-3.pt",
        "Model v0.1: step-20.pt|1970-01-01|checkpoints runs step-20.pt",
        "Model v0.2: step-100.pt|1970-01-03|checkpoints runs step-100.pt",
    ]
    for tag, name in (("v0.0", "step-3.pt"), ("v0.2", "step-100.pt")):
        repo.git("checkout", "-q", tag)
        assert repo.read("model.bin") == before[name]
    assert json.loads(repo.read("metrics.log").splitlines()[-1]) == {"step": 100}
    repo.git("checkout", "-q", "main")
    assert migrate(repo, "../runs") == "all 3 are versions already\n"
    fill(runs, ("step-200.pt",))
    assert json.loads(migrate(repo, "../runs", "--json")) == {
        "artifact": "model.bin", "done_before": 3, "versions": [{"tag": "v0.3", "name": "step-200.pt"}],
        "stages": [],
    }  # fmt: skip
    assert repo.changes() == []


def test_folders_with_dates_and_the_metrics_of_a_trainer(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo, runs = make_repo(), Shell(tmp_path / "runs")
    for day in ("2024-05-02", "2024-04-30"):
        runs.write(f"{day}/weights.safetensors", day)
    runs.write("2024-05-02/trainer_state.json", json.dumps({"log_history": [{"loss": 0.5, "step": 1}]}))
    runs.write("notes.txt", "mine")
    said = migrate(repo, "../runs", status=1)
    what = "2024-04-30 is a folder, and model.bin is the name of a file"
    assert said.endswith(f'{what}; fix: --as model, and model = ["model"] under [artifacts] in .cpv.toml\n')
    done = inside.cpv(repo.path, "migrate", "checkpoints", "../runs", "--as", "model")
    assert done.out == "v0.0\t2024-04-30\nv0.1\t2024-05-02\n"
    assert "skipped, without a date or a number in the name: notes.txt" in done.err
    assert repo.read("model/weights.safetensors") == b"2024-05-02"
    assert json.loads(repo.read("metrics.log"))["loss"] == 0.5
    assert "loss = 0.5" in repo.git("show", "-s", "--format=%b", "v0.1").lines


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("step-1.pt", "step-01.json"), "step-01.json and step-1.pt are both step 1"),
        (("step-1.pt", "2024-05-01.pt"), "2024-05-01.pt has a date and step-1.pt a step, so their order is not clear"),
        (("step-1.pt", "step-2/a"), "step-1.pt is a file and step-2 a folder"),
        (("last.pt",), "no name here has a date or a number; fix: rename them: step-100.pt, 2024-05-01/"),
    ],
)
def test_an_order_that_is_not_clear(tmp_path: Path, names: tuple[str, ...], said: str) -> None:
    fill(Shell(tmp_path / "runs"), names)
    with pytest.raises(CPVError) as raised:
        checkpoint_folder.read_checkpoints(tmp_path / "runs")
    assert said in str(raised.value)


def test_bad_input_is_one_line(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = make_repo()
    fill(Shell(tmp_path / "runs"))
    with nothing_changes(repo.path):
        said = migrate(repo, "../nowhere", status=1)
        assert said == f"cpv: {tmp_path / 'nowhere'}: is not a folder; fix: name the folder that has the checkpoints\n"
        said = migrate(repo, "../runs", "--as", "../out", status=1)
        assert said == "cpv: ../out: is not a path in the DVC root; fix: --as model\n"


def test_a_kill_is_undone_and_the_next_run_goes_on(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = make_repo()
    before = fill(Shell(tmp_path / "runs"))
    call = (
        "from cpv_hooks.migration import checkpoint_folder, incoming\n"
        "items = checkpoint_folder.read_checkpoints(Path('../runs').resolve())\n"
        "arrivals = incoming.Arrivals(project, 'checkpoints runs', items, None)\n"
        "first = next(arrivals.make())\n"
        "sys.argv[1] = 'tag'\n"
        "list(incoming.Arrivals(project, 'checkpoints runs', items, None).make())"
    )
    killed.kill_at(repo, "never", call)
    assert migrate(repo, "../runs") == "v0.1\tstep-20.pt\nv0.2\tstep-100.pt\n"
    assert repo.tags() == ["v0.0", "v0.1", "v0.2"]
    assert repo.read("model.bin") == before["step-100.pt"]
    assert repo.changes() == []
