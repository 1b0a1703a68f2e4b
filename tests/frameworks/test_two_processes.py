"""Trainings of two processes: killed, told to end, gone on with to the same weights as an undisturbed one has."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from conftest import MakeRepo

from frameworks.trainings import ENVIRONMENT, Framework, Training, examples
from support.seaweed import Server
from support.shell import Shell

Get = Callable[[str], Framework]
FULL_DISK = """
class Full(L.Trainer):
    def save_checkpoint(self, path, *args, **rest):
        if self.global_step == 50 and self.global_rank == 0:
            raise OSError(28, "No space left on device", str(path))
        super().save_checkpoint(path, *args, **rest)
"""
DDP = 'max_epochs=6, strategy="ddp", devices=2, accelerator="cpu", enable_progress_bar=False'
LIGHTNING = (
    examples()["lightning"].replace("\nwith", f"{FULL_DISK}\nwith").replace("L.Trainer(max_epochs=6", f"Full({DDP}")
)
TRANSFORMERS = examples()["transformers"].replace('report_to="none"', 'report_to="none", use_cpu=True')
IN_DDP = """torch.distributed.init_process_group("gloo")
model = torch.nn.parallel.DistributedDataParallel(model)
optimizer ="""
TORCH = examples()["torch"].replace("optimizer =", IN_DDP).replace('keep_best=1, metric="loss"', "sharded=True")
ACCELERATE = examples()["accelerate"].replace("Accelerator()", "Accelerator(cpu=True)")
PYTHON = ("train.py",)
TORCHRUN = (
    "-m",
    "torch.distributed.run",
    "--nproc-per-node",
    "2",
    "--master-addr",
    "127.0.0.1",
    "--master-port",
    "PORT",
    "train.py",
)


MACHINES = (
    examples()["lightning"]
    .replace("keep_last=2", "keep_last=2, sharded=True")
    .replace("max_epochs=6", 'max_epochs=6, num_nodes=2, devices=1, strategy="ddp", accelerator="cpu"')
)


@dataclass(frozen=True)
class Processes:
    """What a training of two processes does, how it is started, and where it is killed and told to end."""

    script: str
    command: tuple[str, ...]
    stops: tuple[int, int]
    steps: tuple[int, int]
    """The ones that it goes on from then."""


JOBS = {
    "lightning": Processes(LIGHTNING, PYTHON, (110, 30), (100, 130)),
    "lightning by torchrun": Processes(LIGHTNING, TORCHRUN, (110, 30), (100, 130)),
    "transformers": Processes(TRANSFORMERS, TORCHRUN, (65, 20), (50, 70)),
    "accelerate": Processes(ACCELERATE, TORCHRUN, (130, 40), (100, 141)),
    "torch": Processes(TORCH, TORCHRUN, (130, 40), (100, 141)),
}


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def run(training: Training, job: Processes, stop: str = "", status: int = 0) -> str:
    port = free_port()
    words = [port if word == "PORT" else word for word in job.command]
    env = {**ENVIRONMENT, "STOP": stop, "GLOO_SOCKET_IFNAME": "lo"}
    return training.python(*words, env=env, status=status, timeout=900).err


@pytest.mark.timeout(1200)  # four jobs of two processes that import a framework
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in JOBS])
def test_two_processes_come_to_the_same_weights(name: str, framework_of: Get, make_repo: MakeRepo) -> None:
    job = JOBS[name]
    framework = framework_of(name.partition(" ")[0])
    files = {"model.bin": "first"}
    calm = Training(make_repo("calm", files=files).path).prepare(framework, job.script)
    run(calm, job)
    stopped = Training(make_repo("stopped", files=files).path).prepare(framework, job.script)
    is_torchrun = job.command is TORCHRUN
    killed = run(stopped, job, f"SIGKILL {job.stops[0]}", 1 if is_torchrun else -signal.SIGKILL)
    ended = run(stopped, job, f"SIGTERM {job.stops[1]}", 1 if is_torchrun else 128 + signal.SIGTERM)
    assert ended.count(f"run main: resuming from step {job.steps[0]}") == 2, killed + ended
    assert not is_torchrun or re.search(r"exitcode *: 143", ended), ended
    assert stopped.steps()[-1] == job.steps[1]
    again = run(stopped, job)
    assert again.count(f"run main: resuming from step {job.steps[1]}") == 2, again
    digests = [(path / name).read_text() for path in (calm.path, stopped.path) for name in ("digest", "digest-1")]
    assert len(set(digests)) == 1
    if "lightning" in name:
        assert "step 50 is not saved" in killed
    stopped.cpv("verify", "--all")


def run_on(machines: Sequence[Training], stop: str = "") -> list[str]:
    """The training on machines that each have a clone of their own; what each of them said."""
    port, more = free_port(), {**ENVIRONMENT, "STOP": stop, "GLOO_SOCKET_IFNAME": "lo"}

    def start(rank: int) -> str:
        words = ["-m", "torch.distributed.run", "--nnodes", str(len(machines)), "--node-rank", str(rank)]
        words += ["--nproc-per-node", "1", "--master-addr", "127.0.0.1", "--master-port", port, "train.py"]
        command, folder = [sys.executable, *words], machines[rank].path
        env = {**os.environ, **more}
        return subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, timeout=900, check=False
        ).stderr

    with ThreadPoolExecutor() as threads:
        return list(threads.map(start, range(len(machines))))


@pytest.mark.timeout(1200)  # four jobs of two processes that import a framework
@pytest.mark.xdist_group("lightning")
def test_machines_that_share_only_s3_come_to_the_same_weights(
    framework_of: Get, make_repo: MakeRepo, s3_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing in their caches, for these are new machines; the run's refs are on the first one alone."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    framework = framework_of("lightning")
    calm = Training(make_repo("calm", files={"model.bin": "first"}).path).prepare(framework, LIGHTNING)
    run(calm, JOBS["lightning by torchrun"])
    remote = f"s3://{s3_server.make_bucket()}/vision/resnet"
    first = Training(make_repo(remote=remote, server=s3_server, files={"model.bin": "first"}).path)
    first.git("clone", "-q", ".", "../other")
    other = Training(first.path.parent / "other")
    other.write(".dvc/config.local", first.read(".dvc/config.local").decode())
    machines = [one.prepare(framework, MACHINES) for one in (first, other)]
    said = run_on(machines, "SIGKILL 110")
    assert "resuming from" not in said[0] + said[1]
    last = 100
    for stop in ("SIGTERM 30", ""):
        for machine in machines:
            shutil.rmtree(machine.path / ".dvc/cache/files", ignore_errors=True)
        said = run_on(machines, stop)
        for one in said:
            assert f"run main: resuming from step {last}" in one, said
            assert not stop or re.search(r"exitcode *: 143", one), said
        last = first.steps()[-1]
    assert other.steps() == []
    assert {first.read("digest"), other.read("digest-1")} == {calm.weights()}
    first.cpv("verify", "--all")


def test_on_machines_that_share_no_disk_lightning_needs_ddp(shell: Shell) -> None:
    code = (
        "from lightning.pytorch.strategies import DDPStrategy, FSDPStrategy\n"
        "from dvc_cpv_plugin.integrations.all_ranks import demand_ddp\n"
        "demand_ddp(DDPStrategy())\n"
        "print('DDP', flush=True)\n"
        "demand_ddp(FSDPStrategy())\n"
    )
    refused = shell.python("-c", code, env=ENVIRONMENT, status=1)
    assert refused.out == "DDP\n"
    assert "with sharded=True FSDPStrategy cannot be saved; fix: CheckpointRun() and a file system" in refused.err
