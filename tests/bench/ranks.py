"""What a step of several ranks takes beside the slowest rank's own work."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.bench import Bench, commit, fill, say
from bench.measure import Row, Sample, Target, settle

JOB = str(Path(__file__).with_name("ranks_job.py"))
OURS, ALONE = "cpv: four ranks, until the step is complete", "md5 and upload of the slowest of four ranks"
_RANKS = 4
_STEPS = 3


def rows(bench: Bench) -> Iterator[Row]:
    """Four ranks, each with a quarter of the form's checkpoint (64 MiB of 256)."""
    size = max(1, min(64, bench.form.checkpoint_mb)) << 20
    bucket = bench.server.make_bucket()
    folder = bench.cpv_repository("ranks", "[runs]\ncores = 0\n", bucket)
    fill(folder / "model.bin", 1)
    commit(folder)
    samples: dict[str, list[Sample]] = {OURS: [], ALONE: []}
    for number in range(bench.form.rounds):
        for name, way in ((OURS, "cpv"), (ALONE, "alone"))[:: 1 if number % 2 else -1]:
            say(f"ranks: {way}, round {number + 1}")
            settle(size * _RANKS)
            samples[name].append(Sample(_slowest(folder, way, size, bucket), 0.0))
    bench.drop(bucket)
    shutil.rmtree(folder)
    yield Row(f"{_RANKS} ranks, {size >> 20} MiB each, to S3", samples, target=Target(ALONE, 1.3))


def _slowest(folder: Path, way: str, size: int, bucket: str) -> float:
    """The median over the steps of what the slowest rank took."""
    with tempfile.TemporaryDirectory() as outs:
        told = [Path(outs, str(rank)) for rank in range(_RANKS)]
        words = [str(_RANKS), str(size), str(_STEPS)]
        jobs = [
            subprocess.Popen([sys.executable, JOB, way, str(rank), *words, str(path), bucket], cwd=folder)
            for rank, path in enumerate(told)
        ]
        codes = [job.wait() for job in jobs]
        if any(codes):
            raise SystemExit("a rank has failed; it says why above")
        steps: list[list[float]] = [json.loads(path.read_text()) for path in told]
        slowest: list[float] = [max(seconds) for seconds in zip(*steps, strict=True)]
        return float(median(slowest))
