"""`dvc cpv watch` and two processes that write into one folder, one of them slowly: real Orbax and PyTorch."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.git.repo import Repo
from cpv_hooks.runs import run_refs
from frameworks.trainings import ENVIRONMENT

LAUNCH = """
import subprocess, sys
jobs = [subprocess.Popen([sys.executable, *sys.argv[1:], str(rank)]) for rank in range(2)]
sys.exit(max(job.wait() for job in jobs))
"""
ORBAX = """
import sys, time
from pathlib import Path
import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

rank = int(sys.argv[2])
jax.distributed.initialize(f"127.0.0.1:{sys.argv[1]}", num_processes=2, process_id=rank)
sharding = NamedSharding(Mesh(np.array(jax.devices()), ("x",)), PartitionSpec("x"))
with ocp.CheckpointManager(Path("out").absolute(), options=ocp.CheckpointManagerOptions(max_to_keep=1)) as manager:
    for step in range(2):
        data = np.arange(64, dtype=np.float32).reshape(8, 8) + step
        weights = jax.make_array_from_callback((8, 8), sharding, lambda index: data[index])
        if rank:
            time.sleep(1.5)
        manager.save(step, args=ocp.args.StandardSave({"weights": weights}))
        manager.wait_until_finished()
"""
DCP = """
import sys, time
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp

rank = int(sys.argv[2])
dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{sys.argv[1]}", rank=rank, world_size=2)

class Slow(dcp.FileSystemWriter):
    def write_data(self, plan, planner):
        if rank:
            time.sleep(1.5)
        return super().write_data(plan, planner)

for step in range(2):
    dcp.save({f"part-{rank}": torch.full((8,), float(step))}, storage_writer=Slow(f"out/checkpoint-{step}"))
dist.destroy_process_group()
"""


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("script", "checkpoint", "last"),
    [
        pytest.param(ORBAX, "out/{}", {"commit_success.txt", "default/array_metadatas/process_1"}, id="orbax"),
        pytest.param(DCP, "out/checkpoint-{}", {".metadata", "__1_0.distcp"}, id="dcp"),
    ],
)
def test_a_folder_is_taken_when_all_processes_have_written_it(
    make_repo: MakeRepo, script: str, checkpoint: str, last: set[str]
) -> None:
    repo = make_repo(files={"model.bin": "first"})
    for name, text in (("launch.py", LAUNCH), ("train.py", script)):
        repo.write(name, text)
    repo.write(".gitignore", b"".join([repo.read(".gitignore"), b"/out\n"]))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = ("python", "launch.py", "train.py", port)
    env = {**ENVIRONMENT, "GLOO_SOCKET_IFNAME": "lo", "JAX_PLATFORMS": "cpu"}
    repo.cpv("watch", "out", "--settle", "0.1", "--", *command, env=env, timeout=500)
    steps = run_refs.steps_of_run(Repo.discover(repo.path), "main")
    assert [step.step for step in steps] == [0, 1]
    for step in range(2):
        repo.git("checkout", "-q", "--detach", f"refs/cpv/runs/main/{step}")
        repo.dvc("checkout", "-q", "checkpoint.dvc")
        assert last <= content(repo.path / "checkpoint").keys()
    assert content(repo.path / "checkpoint") == content(repo.path / checkpoint.format(1))
    repo.git("checkout", "-q", "main")


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
