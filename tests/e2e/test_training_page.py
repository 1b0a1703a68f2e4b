"""`docs/training.md`: the scripts of its schedulers run as they are written; the rest of it is at least well formed."""

from __future__ import annotations

import ast
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRepo
from ruamel.yaml import YAML

from support.repos import ModelRepo
from support.shell import Shell

PAGE = (Path(__file__).parents[2] / "docs/training.md").read_text()
# It trains until it is told to end, and then once more for two steps.
TRAIN = """
import json, time
from pathlib import Path
from dvc_cpv_plugin import CheckpointRun

with CheckpointRun(every=1000) as run:
    start = run.resume(lambda folder: None)
    first = start.step + 1 if start else 0
    for step in range(first, first + 2 if start else 10**9):
        run.step(step, {}, save=lambda folder: (folder / "model.bin").write_text(str(step)))
        Path("running").touch()
        time.sleep(0.01)
"""


def blocks(section: str, language: str) -> list[str]:
    """The examples in a language of a section of the page."""
    text = re.split(r"\n##+ ", PAGE.partition(f"\n### {section}\n")[2])[0]
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def yaml(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


@pytest.fixture
def repo(make_repo: MakeRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelRepo:
    """A repository with a job, a Git host, and a folder for programs that this machine lacks."""
    repo = make_repo(files={"model.bin": "first"}, settings='[cpv]\nteam = "a"\nmodel = "b"\n[runs]\npush = true\n')
    repo.write("train.py", TRAIN)
    repo.git("add", "train.py")
    repo.commit("job")
    repo.git("init", "-q", "--bare", tmp_path / "origin.git")
    repo.git("remote", "add", "origin", tmp_path / "origin.git")
    repo.git("push", "-q", "origin", "main")
    program(tmp_path, "python", f'exec {sys.executable} "$@"')
    monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}:{Path(sys.executable).parent}", prepend=":")
    return repo


def program(folder: Path, name: str, script: str) -> None:
    """A stand-in for a program that a scheduler has."""
    Shell(folder).write(f"programs/{name}", f"#!/bin/bash\n{script}\n").chmod(0o755)


def run_of(repo: Shell, name: str) -> list[int]:
    refs = repo.git("for-each-ref", "--format=%(refname:lstrip=4)", f"refs/cpv/runs/{name}/").lines
    return sorted(int(ref) for ref in refs if ref.isdigit())


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.02)


def test_slurm(repo: ModelRepo, tmp_path: Path) -> None:
    (script,) = blocks("Slurm", "sh")
    repo.write("job.sh", script)
    program(tmp_path, "srun", '"$@" & until [ -e running ]; do sleep 0.02; done; [ -e told ] || kill -USR1 $!; wait $!')
    program(tmp_path, "scontrol", 'echo "$@" > told')
    environment = {"SLURM_JOB_ID": "17"}
    repo.run("bash", "job.sh", env=environment, status=128 + signal.SIGUSR1)
    assert repo.read("told") == b"requeue 17\n"
    (last,) = run_of(repo, "resnet-17")
    assert f"resuming from step {last}" in repo.run("bash", "job.sh", env=environment).err


def test_kubernetes(repo: ModelRepo, tmp_path: Path) -> None:
    """Each pod begins with an empty folder, and the next one goes on where the one before was ended."""
    (container,) = yaml(blocks("Kubernetes", "yaml")[0])["spec"]["template"]["spec"]["containers"]
    environment = {each["name"]: each["value"] for each in container["env"]}
    assert set(environment) == {"CPV_RUN", "REPOSITORY"}
    variables = environment | {"REPOSITORY": str(tmp_path / "origin.git")}
    pods = [Shell(tmp_path / name) for name in ("pod-1", "pod-2")]
    for pod in pods:
        pod.path.mkdir()
    process = start(pods[0], container["command"], variables)
    wait_for(pods[0].path / "running", process)
    process.terminate()
    assert process.wait(60) == 128 + signal.SIGTERM
    (last,) = run_of(pods[0], "resnet")
    assert f"resuming from step {last}" in pods[1].run(*container["command"], env=variables).err


def test_a_pre_stop_hook(repo: ModelRepo) -> None:
    hooked = yaml(blocks("Kubernetes", "yaml")[1])
    process = start(repo, hooked["command"], {})
    wait_for(repo.path / "running", process)
    repo.run(*hooked["lifecycle"]["preStop"]["exec"]["command"])
    assert process.wait(60) == 128 + signal.SIGTERM
    assert len(run_of(repo, "main")) == 1
    assert (repo.path / "uploaded").exists()


def test_a_spot_instance(repo: ModelRepo, tmp_path: Path) -> None:
    (script,) = blocks("Spot instances", "sh")
    repo.write("job.sh", script)
    program(tmp_path, "sleep", "exec /bin/sleep 0.02")
    # The service that says so: first there is nothing to say.
    says = 'case "$*" in *api/token*) echo secret;; *instance-action*"token: secret") [ -e running ];; *) exit 2;; esac'
    program(tmp_path, "curl", says)
    repo.run("bash", "job.sh", status=128 + signal.SIGTERM)
    assert len(run_of(repo, "main")) == 1
    repo.run("rm", "running")
    program(tmp_path, "curl", "exit 22")
    assert "resuming from step" in repo.run("bash", "job.sh").err


def test_sagemaker(repo: ModelRepo, tmp_path: Path) -> None:
    (code,) = blocks("SageMaker", "python")
    (call,) = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    said = {each.arg: ast.literal_eval(each.value) for each in call.keywords if each.arg and "max" not in each.arg}
    environment = said["environment"] | {"REPOSITORY": str(tmp_path / "origin.git")}
    container = Shell(tmp_path / "container")
    container.path.mkdir()
    process = start(container, [*said["container_entry_point"], *said["container_arguments"]], environment)
    wait_for(container.path / "repo/running", process)
    process.terminate()
    assert process.wait(60) == 128 + signal.SIGTERM
    assert len(run_of(Shell(container.path / "repo"), "resnet")) == 1


def test_bitbucket_pipelines(repo: ModelRepo) -> None:
    (text,) = blocks("Bitbucket Pipelines", "yaml")
    (each,) = yaml(text)["pipelines"]["custom"]["train"]
    install, *script = each["step"]["script"]
    assert install == "pip install dvc-cpv"
    lines = "\n".join(script)
    for seconds in (2, 60):  # in which it may not even have begun
        repo.run("bash", "-ec", lines, env={"TRAINING_TIME": f"{seconds}s"}, status=128 + signal.SIGTERM)
        if run_of(repo, "resnet"):
            break
    assert len(run_of(repo, "resnet")) == 1
    assert "resuming from step" in repo.run("bash", "-ec", lines).err


def test_every_other_example_is_well_formed() -> None:
    found = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
    assert len(found) > 12
    for language, text in found:
        if language == "python":
            ast.parse(text)
        elif language == "yaml":
            assert yaml(text)
        elif language == "sh":
            subprocess.run(["bash", "-n"], input=text.encode(), check=True)
        else:
            lines = [line[2:] for line in text.splitlines() if line.startswith("$ ")]
            assert language == "console" and all(
                shlex.split(line, comments=True)[:2] == ["dvc", "cpv"] for line in lines
            )


def start(shell: Shell, command: list[str], variables: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, cwd=shell.path, env={**os.environ, **variables})
