"""`torch.distributed` with gloo: each rank has a part, its own or FSDP's, saved by `torch.distributed.checkpoint`."""

from __future__ import annotations

import json
import shutil
import signal
import socket
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.git.repo import Repo
from cpv_hooks.runs import run_refs
from support.ranks import Ranks
from support.repos import ModelRepo

SCRIPT = """
import json, os, sys, time
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from cpv_hooks.ranks import training
training.LEADER = training.FOLLOWER = "support.rank_worker"
from dvc_cpv_plugin import CheckpointRun

torch.set_num_threads(1)
options, steps = json.loads(sys.argv[1]), int(sys.argv[2])
dist.init_process_group("gloo")
rank = dist.get_rank()
for name in ("RANK", "WORLD_SIZE"):
    del os.environ[name]  # the process group alone says it
torch.manual_seed(rank)
part = torch.rand(1000)

def state():
    return {f"part-{rank}": part}

def load(folder):
    dcp.load(state(), checkpoint_id=folder)

def save(folder):
    dcp.save(state(), checkpoint_id=folder)
    if os.environ.get("DIE") == f"{rank} save {step}":
        os.kill(os.getpid(), 9)

step = -1
with CheckpointRun(sharded=True, **options) as run:
    start = run.resume(load)
    print("start", start.step if start else None, run.name, flush=True)
    for step in range(start.step + 1 if start else 0, steps):
        mean = part.mean()
        dist.all_reduce(mean)
        part.mul_(0.9).add_(mean / 100 * (step + 1))
        if run.step(step, {"mean": mean}, save=save):
            run.flush()
        print("step", step, flush=True)
        time.sleep(float(os.environ.get("PAUSE", 0)))
print("end", part.double().sum().item().hex(), flush=True)
dist.destroy_process_group()
"""
# The same loop with a model that FSDP has sharded, and its optimizer's state; the weights are gathered at the end.
_FSDP_STATE = """
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

torch.manual_seed(0)
mesh = init_device_mesh("cpu", (dist.get_world_size(),))
model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
for layer in (model[0], model[2], model):
    fully_shard(layer, mesh=mesh)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)

def state():
    weights, moments = get_state_dict(model, optimizer)
    return {"model": weights, "optimizer": moments}

def load(folder):
    found = state()
    dcp.load(found, checkpoint_id=folder)
    set_state_dict(model, optimizer, model_state_dict=found["model"], optim_state_dict=found["optimizer"])
"""
_FSDP_STEP = """
        torch.manual_seed(2 * step + rank)
        mean = model(torch.rand(4, 8)).square().mean()
        mean.backward()
        optimizer.step()
        optimizer.zero_grad()
"""


def _between(text: str, start: str, end: str, new: str) -> str:
    """A text with what lies between two others replaced."""
    head, _, rest = text.partition(start)
    return f"{head}{new}{end}{rest.partition(end)[2]}"


FSDP = _between(SCRIPT, "torch.manual_seed(rank)\n", "\ndef save", _FSDP_STATE)
FSDP = _between(FSDP, "        mean = part", "        if run.step", _FSDP_STEP.removeprefix("\n"))
FSDP = FSDP.replace("part.double().sum()", "sum(one.full_tensor().double().sum() for one in model.parameters())")
# Where a rank is killed in its second step, and whether that step is complete all the same.
KILLS = [
    ("cpv_hooks.runs.run_folder:RunFolder.claim after 2", 1, False),
    ("cpv_hooks.operations.make.place_content:take_in_files before 2", 3, False),
    ("cpv_hooks.ranks.shard:upload_shard before 2", 2, False),
    ("cpv_hooks.ranks.follower:FollowerWorker._say after 2", 1, True),
    ("cpv_hooks.ranks.gather:gather_step before 2", 0, False),
    ("cpv_hooks.runs.run_refs:write_step_ref after 2", 0, True),
]
FILES = {".metadata", *(f"__{rank}_0.distcp" for rank in range(4))}


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def job(
    repo: ModelRepo, steps: int, options: str, attempt: str, *, ranks: int = 4, script: str = SCRIPT, **env: str
) -> Ranks:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    more = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo", **env}
    return Ranks([repo.path] * ranks, steps, options, attempt=attempt, env=more, script=script)


@pytest.mark.timeout(1200)  # nine jobs of four processes that import PyTorch
def test_one_of_four_is_killed_at_each_stage(make_repo: MakeRepo, tmp_path: Path) -> None:
    calm = make_repo("calm", remote=tmp_path / "vision/calm", files={"model.bin": "first"})
    undisturbed = job(calm, 2 + len(KILLS) + 3, "{}", "calm")
    assert undisturbed.end() == [0] * 4, undisturbed.errors(0)
    repo = make_repo(remote=tmp_path / "vision/resnet", files={"model.bin": "first"})
    options = json.dumps({"name": "main", "grace": 5})
    lost, complete = 0, -1
    for number, (place, rank, is_there) in enumerate([("save", 1, False), *KILLS]):
        kill = {"KILL": f"{rank} {place}"} if number else {"DIE": "1 save 1"}
        killed = job(repo, 99, options, str(number), **kill)
        killed.end_after_a_death()
        started = {killed.lines(rank)[0].split()[1] for rank in range(4)}
        lost += started != {str(complete) if number else "None"}
        complete += 1 + is_there
    last = job(repo, 2 + len(KILLS) + 3, options, "last")
    assert last.end() == [0] * 4, last.errors(0)
    assert (lost, last.lines(0)[0]) == (0, f"start {complete} main")
    assert [last.lines(rank)[-1] for rank in range(4)] == [undisturbed.lines(rank)[-1] for rank in range(4)]
    steps = [step.step for step in run_refs.steps_of_run(Repo.discover(repo.path), "main")]
    assert steps[-1] == 2 + len(KILLS) + 2
    for step in steps:
        oid = repo.git("show", f"refs/cpv/runs/main/{step}:checkpoint.dvc").out.split("md5: ")[1].split()[0]
        listed = json.loads(repo.read(f".dvc/cache/files/md5/{oid[:2]}/{oid[2:]}"))
        assert {entry["relpath"] for entry in listed} == FILES


def test_a_signal_to_one_rank_stops_all_at_one_step(make_repo: MakeRepo) -> None:
    repo = make_repo(files={"model.bin": "first"})
    running = job(repo, 10**6, json.dumps({"every": 10**6}), "1", PAUSE="0.01")
    running.until(2, "step 3")
    running.send(2, signal.SIGUSR1)
    assert running.end() == [128 + signal.SIGUSR1] * 4
    assert len({running.lines(rank)[-1] for rank in range(4)}) == 1
    [step] = run_refs.steps_of_run(Repo.discover(repo.path), "main")
    assert step.step == int(running.lines(0)[-1].split()[1]) + 1


@pytest.mark.timeout(1200)  # three jobs of two processes that import PyTorch
def test_fsdp_is_killed_and_comes_to_the_same_weights(make_repo: MakeRepo, tmp_path: Path) -> None:
    calm = make_repo("calm", files={"model.bin": "first"})
    undisturbed = job(calm, 4, "{}", "calm", ranks=2, script=FSDP)
    assert undisturbed.end() == [0] * 2, undisturbed.errors(0)
    repo = make_repo(remote=tmp_path / "vision/resnet", files={"model.bin": "first"})
    options = json.dumps({"name": "main", "grace": 5})
    killed = job(repo, 99, options, "1", ranks=2, script=FSDP, DIE="1 save 2")
    killed.end_after_a_death()
    shutil.rmtree(repo.path / ".dvc/cache/files")  # what it goes on from comes from the remote
    last = job(repo, 4, options, "2", ranks=2, script=FSDP)
    assert last.end() == [0] * 2, last.errors(0)
    assert last.lines(0)[0] == "start 1 main"
    assert [last.lines(rank)[-1] for rank in range(2)] == [undisturbed.lines(rank)[-1] for rank in range(2)]
