"""The commands of docs/migrating.md, as they stand there, each in a world of its own."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from conftest import MakeRepo

from support import lfs, stand_in
from support.moved import SETTINGS
from support.repos import ModelRepo
from support.shell import Shell

PAGE = (Path(__file__).parents[2] / "docs/migrating.md").read_text()
STORES = Path(__file__).parents[1] / "mlflow"
WANDB = Path(__file__).parents[1] / "wandb"
COMMANDS = re.findall(r"^(?:    )?(dvc cpv (?:migrate|export) .*?)(?:  +#.*)?$", PAGE, re.MULTILINE)


def _checkpoints(repo: ModelRepo, world: Shell) -> None:
    for step in (1, 2):
        world.write(f"runs/7/step-{step}.pt", f"step {step}")
        world.write(f"old/2024-05-0{step}/model.pt", f"day {step}")


def _mlflow(repo: ModelRepo, world: Shell) -> None:
    for path in STORES.rglob("*"):
        if path.is_file() and path.suffix != ".sql":
            repo.write(f"mlflow/{path.relative_to(STORES)}", path.read_bytes())
    (repo.path / "mlflow/mlruns").rename(repo.path / "mlruns")
    text = (STORES / "mlflow.sql").read_text().replace("/srv/mlflow", str(repo.path / "mlflow"))
    with closing(sqlite3.connect(repo.path / "mlflow.db")) as connection:
        connection.executescript(text)


def _hub(repo: ModelRepo, world: Shell) -> None:
    place = Path.home() / ".cache/huggingface/hub/models--org--name"
    Shell(place).write("refs/main", "0" * 40)
    Shell(place).write(f"snapshots/{'0' * 40}/config.json", "{}")
    repo.write("downloads/name/config.json", "{}")


def _wandb(repo: ModelRepo, world: Shell) -> None:
    repo.write("wandb/offline-run-1/run-first.wandb", (WANDB / "run/run-first.wandb").read_bytes())


def _lfs(repo: ModelRepo, world: Shell) -> None:
    repo.write(".gitattributes", lfs.TRACKED)
    repo.git("add", ".gitattributes")
    lfs.keep(repo, {"weights.bin": b"weights"})
    repo.git("commit", "-q", "-m", "in LFS")


def _version(repo: ModelRepo, world: Shell) -> None:
    repo.write("model/weights", "one")
    repo.git("commit", "-q", "-m", "a version")


PREPARE: dict[str, Callable[[ModelRepo, Shell], None]] = {
    "migrate checkpoints": _checkpoints,
    "migrate mlflow": _mlflow,
    "migrate hf": _hub,
    "migrate wandb": _wandb,
    "migrate lfs": _lfs,
    "export": _version,
}


def test_the_page_has_every_command() -> None:
    found = {name for command in COMMANDS for name in PREPARE if command.startswith(f"dvc cpv {name}")}
    assert found == set(PREPARE)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page(make_repo: MakeRepo, tmp_path: Path, command: str) -> None:
    (name,) = [name for name in PREPARE if command.startswith(f"dvc cpv {name}")]
    is_file = name == "migrate checkpoints" and "--as" not in command
    repo = make_repo(settings=SETTINGS.replace('"model"]', '"model.pt"]') if is_file else SETTINGS, install=False)
    if name != "export":
        PREPARE[name](repo, Shell(tmp_path))
    stand_in.install(repo.path)
    if name == "export":
        PREPARE[name](repo, Shell(tmp_path))
    if name == "migrate wandb":
        command += f" --artifacts {WANDB / 'staging'}"
    before = (repo.head(), repo.tags())
    done = repo.run("bash", "-c", command.replace("/mnt/mlflow", str(repo.path / "mlflow/artifacts")))
    assert "Traceback" not in done.text
    assert ((repo.head(), repo.tags()) == before) is ("--dry-run" in command or name == "export")


@pytest.mark.compatibility("Import and export", "`uninstall` leaves plain Git and DVC")
def test_uninstall_leaves_plain_git_and_dvc(make_repo: MakeRepo, tmp_path: Path) -> None:
    """What CPV has made goes on as a repository of Git and DVC that never heard of it."""
    repo = make_repo(files={"model.bin": "one"})
    repo.cpv("uninstall")
    assert [path.name for path in (repo.path / ".git/hooks").iterdir() if not path.name.endswith(".sample")] == []
    assert repo.git("config", "--get-regexp", "fsmonitor|hookspath|merge.dvc", status=None).out == ""
    repo.write("model.bin", "two")
    assert repo.changes() == []  # nobody rewrites the pointer
    repo.dvc("add", "-q", "model.bin")
    repo.git("commit", "-qam", "two")
    repo.dvc("push", "-q")
    assert repo.tags() == ["v0.0"]
    repo.git("clone", "-q", ".", "../clone")
    clone = Shell(tmp_path / "clone")
    for rev, content in (("v0.0", b"one"), ("origin/HEAD", b"two")):
        clone.git("checkout", "-q", rev)
        clone.dvc("pull", "-q")
        assert clone.read("model.bin") == content
