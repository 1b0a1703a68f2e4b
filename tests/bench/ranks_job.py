"""One of several ranks that save a part each.

    python ranks_job.py cpv|alone RANK WORLD BYTES STEPS OUT BUCKET

`OUT` gets, for each step, the seconds from the moment when all ranks have saved: with `cpv` until the step is complete,
with `alone` until its part has been hashed and uploaded by boto3, and nothing else was done.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from pathlib import Path


def main(way: str, rank: int, world: int, size: int, steps: int, out: Path, bucket: str) -> None:
    """Be a rank, in the current folder."""
    seconds = list[float]()

    def save(path: Path, step: int) -> None:
        path.write_bytes(os.urandom(size))
        # Of two ranks the one that waits for the other's save is no slower.
        out.with_name(f"{rank}-{step}").touch()
        while not all(out.with_name(f"{other}-{step}").exists() for other in range(world)):
            time.sleep(0.001)

    if way == "cpv":
        from dvc_cpv_plugin import CheckpointRun

        with CheckpointRun(every=1, keep_last=1, sharded=True, rank=rank, world_size=world) as run:
            for step in range(steps):
                run.step(step, save=lambda folder: save(folder / f"shard-{rank}", step))  # noqa: B023 - called now
                began = time.perf_counter()
                run.flush()
                seconds.append(time.perf_counter() - began)
    else:
        import boto3
        from boto3.s3.transfer import TransferConfig

        client = boto3.client("s3")
        client.list_objects_v2(Bucket=bucket, MaxKeys=1)  # connected
        path = out.with_suffix(".bin")
        for step in range(steps):
            save(path, step)
            began = time.perf_counter()
            with path.open("rb") as stream:
                hashlib.file_digest(stream, "md5")
            client.upload_file(str(path), bucket, f"alone/{rank}/{step}", Config=TransferConfig(max_concurrency=2))
            seconds.append(time.perf_counter() - began)
        path.unlink()
    out.write_text(json.dumps(seconds))


if __name__ == "__main__":
    number, count, length, saves = map(int, sys.argv[2:6])
    main(sys.argv[1], number, count, length, saves, Path(sys.argv[6]), sys.argv[7])
