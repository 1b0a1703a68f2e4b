"""How cost grows with the size of one model."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

from bench.bench import Bench, empty_cache, fill, say
from bench.curves import Curve, curve
from bench.engine import FETCH, PUBLISH
from bench.folders import NEVER
from bench.measure import Contest, Contestant, Row, settle

COPIES = 4  # the model, the cache, the server, and one of what is being written


def rows(bench: Bench) -> Iterator[Curve]:
    """Snapshot, upload, fetch, and the way back into the work tree."""
    found: dict[int, Row] = {}
    notes = []
    for megabytes in bench.form.sizes_mb:
        if not bench.has_room(megabytes * COPIES):
            notes.append(f"no room on the disk for {megabytes} MiB")
            continue
        say(f"curve-sizes: {megabytes} MiB")
        found[megabytes] = _row(bench, megabytes)
    yield curve("sizes", "A model", "MiB", found, notes)


def _row(bench: Bench, megabytes: int) -> Row:
    bucket = bench.server.make_bucket()
    folder = bench.cpv_repository(f"sizes-{megabytes}", NEVER, bucket)
    model = folder / "model.bin"

    def new_model(number: int) -> None:
        empty_cache(folder)
        fill(model, megabytes << 20)
        settle(megabytes << 20)

    def no_cache(number: int) -> None:
        empty_cache(folder)
        settle(megabytes << 20)

    def no_model(number: int) -> None:
        model.unlink()
        settle(megabytes << 20)

    def check(number: int) -> None:
        if model.stat().st_size != megabytes << 20:
            raise SystemExit("the model did not come back")

    steps = [
        Contestant("snapshot: git commit", folder, lambda number: ["git", "commit", "-qm", "new"], new_model),
        Contestant(
            "upload to S3",
            folder,
            lambda number: [sys.executable, "-c", PUBLISH],
            lambda number: settle(megabytes << 20),
        ),
        Contestant("fetch from S3", folder, lambda number: [sys.executable, "-c", FETCH], no_cache),
        Contestant("bring it back: dvc cpv sync", folder, lambda number: ["cpv", "sync"], no_model, check),
    ]
    rounds = 1 if megabytes > 2000 else bench.form.rounds
    row = Contest(f"{megabytes} MiB", steps, rounds, turn=False).run()
    bench.drop(bucket)
    shutil.rmtree(folder)
    return row
