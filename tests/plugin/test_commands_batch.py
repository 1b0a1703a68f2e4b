"""`dvc cpv batch`: many models, here and on a Dask cluster."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.errors import CPVError
from cpv_hooks.operations import batch_run
from support.dask import cluster
from support.repos import SETTINGS
from support.shell import BIN, Shell

OTHER_TEAM = SETTINGS.replace("vision", "speech")


@pytest.fixture
def models(make_repo: MakeRepo, tmp_path: Path) -> Shell:
    """A folder of three models, one of them of another team, beside what is none."""
    make_repo("models/alpha", install=False)
    make_repo("models/beta", install=False)
    make_repo("models/deep/gamma", install=False, settings=OTHER_TEAM)
    (tmp_path / "models/notes").mkdir()
    return Shell(tmp_path / "models")


def names(found: list[Path], top: Path) -> list[str]:
    return [path.relative_to(os.path.realpath(top)).as_posix() for path in found]


@pytest.mark.parametrize(
    ("paths", "team", "expected"),
    [
        ([], None, ["alpha", "beta", "deep/gamma"]),
        (["beta", "alpha", "./alpha"], None, ["alpha", "beta"]),
        (["*"], None, ["alpha", "beta"]),
        (["**"], None, ["alpha", "beta", "deep/gamma"]),
        ([], "speech", ["deep/gamma"]),
        (["deep"], "speech", ["deep/gamma"]),
        ([], "vision", ["alpha", "beta"]),
    ],
)
def test_which_repositories(models: Shell, paths: list[str], team: str | None, expected: list[str]) -> None:
    assert names(batch_run.find_repositories(paths, team, models.path), models.path) == expected


@pytest.mark.parametrize(
    ("paths", "team", "message"),
    [
        (["notes"], None, "notes: not a model repository (it has no .cpv.toml); fix: dvc cpv init notes"),
        (["missing"], None, "missing: no such folder; fix: dvc cpv batch COMMAND AN-EXISTING-FOLDER"),
        ([""], None, "'': no such folder"),
        (["x*"], None, "x*: there is no model repository; fix: dvc cpv init"),
        (["notes"], "vision", "notes: there is no model repository of team vision"),
    ],
)
def test_no_repositories(models: Shell, paths: list[str], team: str | None, message: str) -> None:
    with pytest.raises(CPVError) as caught:
        batch_run.find_repositories(paths, team, models.path)
    assert str(caught.value).startswith(message)


def test_two_dvc_roots_of_one_repository_are_one(models: Shell) -> None:
    models.write("alpha/nested/.cpv.toml", SETTINGS)
    (models.path / "alpha/nested/.dvc").mkdir()
    assert names(batch_run.find_repositories(["alpha/nested", "alpha"], None, models.path), models.path) == ["alpha"]


def test_one_fails_and_the_others_are_done(models: Shell) -> None:
    models.write("beta/.cpv.toml", "[cpv]\nteam = 1\n")
    done = models.cpv("batch", "status", "--jobs", "2", status=1)
    assert done.lines[0].startswith("ok       alpha  queued: nothing")
    assert done.lines[1].startswith("failed   beta  ")
    assert "cpv.team must be a string; fix: edit .cpv.toml" in done.lines[1]
    assert done.lines[2].startswith("ok       deep/gamma  ")
    assert "cpv: 3 of 3: " in done.err

    shown = json.loads(models.cpv("batch", "status", "alpha", "--json").out)
    assert (shown["ok"], shown["command"]) == (True, "status")
    [row] = shown["models"]
    assert (row["path"], row["result"], row["code"]) == (os.path.realpath(models.path / "alpha"), "ok", 0)
    assert row["report"]["artifacts"] == []


def test_options_go_to_the_command(models: Shell) -> None:
    done = models.cpv("batch", "tag", "alpha", "beta", "--options", 'v1.0 -m "First release"')
    assert [line.split() for line in done.lines] == [["ok", "alpha", "v1.0"], ["ok", "beta", "v1.0"]]
    assert "First release" in models.git("-C", "alpha", "tag", "-l", "--format=%(contents)", "v1.0").out
    bad = models.cpv("batch", "tag", "--options", '"', status=1)
    assert "--options '\"': No closing quotation; fix: dvc cpv batch COMMAND --options" in bad.err
    assert "invalid choice: 'push'" in models.cpv("batch", "push", status=254).err
    assert "at least 1" in models.cpv("batch", "status", "--jobs", "0", status=254).err


def test_what_a_model_holds_is_not_imported(models: Shell) -> None:
    models.write("alpha/dvc.py", "open('/dev/null'); raise SystemExit(99)\n")
    [ran] = batch_run.run_here([models.path / "alpha"], ["status"], 1)
    assert (ran.result, ran.code) == ("ok", 0)


def test_ctrl_c_stops_what_runs(models: Shell) -> None:
    """The first model waits for a lock that somebody else holds; the others have not begun."""
    lock = models.write("alpha/.git/cpv/lock", "")
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        command = [BIN / "dvc", "cpv", "batch", "sync", "--jobs", "1"]
        process = subprocess.Popen(
            command,
            cwd=models.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A shell that starts the tests in the background lets them ignore it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        child = first_child_at(lock, process.pid)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 252  # DVC's own, for Ctrl-C
    assert "Traceback" not in err
    assert [line.split()[:2] for line in out.splitlines()] == [
        ["stopped", "alpha"],
        ["stopped", "beta"],
        ["stopped", "deep/gamma"],
    ]
    assert not Path(f"/proc/{child}").exists()


def first_child_at(lock: Path, parent: int) -> int:
    """Wait until a process has a child that has opened the lock, for which it waits."""
    for _ in range(1200):
        for thread in Path(f"/proc/{parent}/task").glob("*/children"):
            for child in map(int, thread.read_text().split()):
                if lock in opened_by(child):
                    return child
        time.sleep(0.05)
    raise AssertionError("the command has started nothing that waits")


def opened_by(process: int) -> set[Path]:
    found = set()
    for descriptor in Path(f"/proc/{process}/fd").glob("*"):
        with suppress(OSError):  # closed meanwhile
            found.add(descriptor.readlink())
    return found


def test_on_dask(models: Shell, tmp_path: Path) -> None:
    models.write("beta/.cpv.toml", "[cpv]\nteam = 1\n")
    with cluster(tmp_path) as address:
        done = models.cpv("batch", "status", "--dask", address, status=1)
    assert [line.split()[:2] for line in done.lines] == [["ok", "alpha"], ["failed", "beta"], ["ok", "deep/gamma"]]


def test_no_dask(models: Shell) -> None:
    nobody = models.cpv("batch", "status", "--dask", "nowhere://1", status=1)
    assert "no Dask scheduler answers at nowhere://1; fix: dask scheduler" in nobody.err
    code = "import sys; sys.modules['distributed'] = None; from dvc_cpv_plugin.cli import main; sys.exit(main())"
    missing = models.python("-c", code, "batch", "status", "--dask", "tcp://localhost:1", status=1)
    assert missing.err == "cpv: Dask's distributed is not installed; fix: pip install distributed\n"
