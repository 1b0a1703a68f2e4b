"""Which of a distributed job's processes this one is, and what all processes of one start have in common.

Only the standard library is imported here: this is the training process.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple

ATTEMPT = "CPV_ATTEMPT"
_RANKS = (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS"))
_BY_LIGHTNING = ("LOCAL_RANK", "WORLD_SIZE")
"""In the processes that Lightning starts. They are the rank on the first machine, which `NODE_RANK` says."""
_STARTS = (
    ATTEMPT,
    "TORCHELASTIC_RUN_ID",
    "TORCHELASTIC_RESTART_COUNT",
    "SLURM_JOB_ID",
    "SLURM_STEP_ID",
    "SLURM_RESTART_COUNT",
    "MASTER_ADDR",
    "MASTER_PORT",
)


class RankPlace(NamedTuple):
    """Rank `rank` of `world`. `attempt` is the same for all ranks of one start, and empty where nothing says it."""

    rank: int = 0
    world: int = 1
    attempt: str = ""


def find_place(rank: int | None, world: int | None) -> RankPlace:
    """This process's place: as it is given, as `torch.distributed` has it where that is in use, or as the environment
    says it (torchrun, Accelerate, DeepSpeed; Lightning; Slurm). Raises `CPVError` for numbers that cannot be.
    """
    attempt = _attempt()
    if rank is not None or world is not None:
        return RankPlace(*_checked(rank, world), attempt)
    group = process_group()
    if group is not None:
        return RankPlace(group.get_rank(), group.get_world_size(), attempt)
    by_lightning = [_BY_LIGHTNING] if os.environ.get("NODE_RANK") == "0" else []
    for names in (_RANKS[0], *by_lightning, *_RANKS[1:]):
        values = [os.environ.get(name, "") for name in names]
        if all(value.isdigit() for value in values) and int(values[0]) < int(values[1]):
            return RankPlace(int(values[0]), int(values[1]), attempt)
    return RankPlace(attempt=attempt)


def agreed(place: RankPlace) -> RankPlace:
    """The place with an attempt that no other start has, where `torch.distributed` can say it to all ranks.

    Every rank must call it: it is a broadcast.
    """
    group = process_group()
    if group is None or (group.get_rank(), group.get_world_size()) != (place.rank, place.world):
        return place
    box = [os.urandom(8).hex()]
    group.broadcast_object_list(box, src=0)
    return place._replace(attempt=str(box[0]))


def _attempt() -> str:
    values = [os.environ.get(name, "") for name in _STARTS]
    return ":".join(values) if any(values) else ""


def process_group() -> Any:
    """`torch.distributed`, where the job itself has imported it and started its process group."""
    module = sys.modules.get("torch.distributed")
    if module is None or not module.is_available() or not module.is_initialized():
        return None
    return module


def _checked(rank: int | None, world: int | None) -> tuple[int, int]:
    numbers = [value for value in (rank, world) if isinstance(value, int) and not isinstance(value, bool)]
    if len(numbers) < 2 or not 0 <= numbers[0] < numbers[1]:
        what = f"rank={rank!r} does not fit world_size={world!r}: rank counts from 0 and is less than world_size"
        raise CPVError(what, fix="CheckpointRun(rank=0, world_size=4)")
    return numbers[0], numbers[1]
