"""What saving a checkpoint costs the training itself, and what of a long run lies on S3 at a time."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from bench.bench import Bench, commit, fill, say
from bench.measure import Contest, Contestant, Row, Sample, Target, run, settle, timed

JOB = str(Path(__file__).with_name("training_job.py"))
AT_ONCE = '[runs]\nfree = "at once"\n'
WAYS = {
    "cpv: CheckpointRun.step": "cpv",
    "the save alone": "save",
    "the save alone, two kept": "keep",
    "git commit in the loop": "commit",
    "boto3 upload in the loop": "boto3",
    "dvclive log_artifact": "dvclive",
    "Lightning's save to s3://": "lightning",
}
_PEERS = ("dvclive", "lightning")
ALONE = "the save alone"
_STEP_KB = 64
_KEPT = 5


def rows(bench: Bench) -> Iterator[Row]:
    """A training that saves, in every way; and a long run of which little is kept."""
    yield from _saves(bench)
    yield _run(bench)


def _saves(bench: Bench) -> Iterator[Row]:
    bucket, form = bench.server.make_bucket(), bench.form
    present = {name: way for name, way in WAYS.items() if way not in _PEERS or find_spec(way)}
    lost: dict[str, list[Sample]] = {name: [] for name in present}
    whole: dict[str, list[Sample]] = {name: [] for name in present}
    size = form.checkpoint_mb << 20
    for number in range(form.rounds):
        at = number % len(present)
        for name, way in [*present.items()][at:] + [*present.items()][:at]:
            folder = bench.cpv_repository(f"training-{way}-{number}", "", bucket)
            fill(folder / "model.bin", 1024)
            run(folder, "git", "commit", "-qm", "first")
            settle(size * 2)
            with tempfile.NamedTemporaryFile("r") as told:
                words = [sys.executable, JOB, way, str(size), str(form.saves), told.name, bucket]
                sample = timed(folder, *words)
                seconds = json.load(told)
            # What the training thread waited for a save, and what its work between two saves was slowed down to.
            lost[name].append(Sample(median(seconds["saves"]), sample.peak_mb))
            whole[name].append(Sample(sum(seconds["saves"]) + sum(seconds["work"]), sample.peak_mb))
            shutil.rmtree(folder)
    bench.drop(bucket)
    what = f"a checkpoint of {form.checkpoint_mb} MiB" + (" by torch.save" if find_spec("torch") else "")
    absent = [f"{name} is not installed" for name in (*_PEERS, "torch") if not find_spec(name)]
    yield Row(f"{what}: what the training thread waits", lost, target=Target(ALONE, 1.1), notes=absent)
    yield Row(f"{form.saves} steps of training, each with {what}", whole)


@dataclass
class _Ceiling:
    """The most that lay in a bucket at any time, looked at again and again."""

    client: Any
    bucket: str
    most: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        pages = self.client.get_paginator("list_objects_v2")
        while not self.ended.wait(0.02):
            found = [item["Size"] for page in pages.paginate(Bucket=self.bucket) for item in page.get("Contents", [])]
            self.most = max(self.most, sum(found))


def _run(bench: Bench) -> Row:
    """A run of many small steps that keeps five."""
    say(f"training: {bench.form.run_steps} steps")
    bucket, size = bench.server.make_bucket(), _STEP_KB << 10
    # What is let go of leaves a remote of the model's own alone: `…/TEAM/MODEL`.
    folder = bench.cpv_repository("bench/bench", AT_ONCE, bucket)
    fill(folder / "model.bin", 1)
    commit(folder)
    ceiling = _Ceiling(bench.server.client(), bucket)
    looking = threading.Thread(target=ceiling.watch)
    looking.start()
    try:
        words = [sys.executable, JOB, "run", str(size), str(bench.form.run_steps), str(_KEPT)]
        steps = f"{bench.form.run_steps} steps of {_STEP_KB} KiB, {_KEPT} kept"
        row = Contest(steps, [Contestant("cpv: CheckpointRun", folder, lambda number: words)], 1).run()
    finally:
        ceiling.ended.set()
        looking.join()
    refs = len(run(folder, "git", "for-each-ref", "refs/cpv/runs").splitlines()) - 1  # one says that it is finished
    left = f"{refs} are kept; on S3 lay at most {ceiling.most / size:.1f} checkpoints at any time (aim: {_KEPT + 1})"
    bench.drop(bucket)
    shutil.rmtree(folder)
    return Row(row.work, row.samples, notes=(left,))
