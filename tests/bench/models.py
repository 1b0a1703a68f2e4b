"""Large models: the snapshot of a new one, and the whole commit of several with their upload."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.bench import Bench, commit, empty_cache, fill, missing
from bench.engine import PUBLISH
from bench.measure import Contest, Contestant, Row, Target, run, settle

NEVER = '[push]\nwhen = "never"\n'
MD5 = "import hashlib, sys; hashlib.file_digest(open(sys.argv[1], 'rb'), 'md5')"
LFS_COMMIT = ("sh", "-c", "git add model.bin && git commit -qm trained")
COMMIT = ("git", "commit", "-qm", "trained")


def snapshot(bench: Bench) -> Iterator[Row]:
    """A model of which nothing is known yet, up to the commit, without upload."""
    cpv, dvc = bench.cpv_repository("snapshot-cpv", NEVER), bench.dvc_repository("snapshot-dvc")
    bare = bench.folder("snapshot-bare")
    size = bench.form.large_mb << 20

    def new_model(folder: Path) -> Callable[[int], None]:
        def prepare(number: int) -> None:
            empty_cache(folder)
            shutil.rmtree(folder / ".git/lfs", ignore_errors=True)
            fill(folder / "model.bin", size)
            settle(size)

        return prepare

    contestants = [
        Contestant("cpv: git commit", cpv, lambda number: COMMIT, new_model(cpv)),
        Contestant("dvc add", dvc, lambda number: ["dvc", "add", "-q", "model.bin"], new_model(dvc)),
        Contestant("md5 alone", bare, lambda number: [sys.executable, "-I", "-c", MD5, "model.bin"], new_model(bare)),
    ]
    if shutil.which("git-lfs"):
        lfs = bench.folder("snapshot-lfs")
        run(lfs, "git", "init", "-q")
        run(lfs, "git", "lfs", "install", "--local")
        run(lfs, "git", "lfs", "track", "*.bin")
        commit(lfs)
        contestants.append(Contestant("git-lfs: git commit -a", lfs, lambda number: LFS_COMMIT, new_model(lfs)))
    work, target = f"snapshot of a new model of {bench.form.large_mb} MiB", Target("md5 alone", 1.3)
    yield Contest(work, contestants, bench.form.rounds, target=target, notes=missing("git-lfs")).run()
    for contestant in contestants:
        shutil.rmtree(contestant.folder)


def whole_commit(bench: Bench) -> Iterator[Row]:
    """Several new models to S3: how much of the upload hides behind the hashing."""
    bucket = bench.server.make_bucket()
    names = [f"model-{number}.bin" for number in range(bench.form.models)]
    settings = f"[artifacts]\nmodel = [{', '.join(repr(name) for name in names)}]\n"
    both = bench.cpv_repository("whole-cpv", settings, bucket)
    hashed = bench.cpv_repository("whole-hashed", NEVER + settings, bucket)
    sent = bench.cpv_repository("whole-sent", NEVER + settings, bucket)
    dvc = bench.dvc_repository("whole-dvc")
    for name in ("config", "config.local"):
        shutil.copy(both / ".dvc" / name, dvc / ".dvc" / name)

    def new_models(folder: Path, *, committed: bool = False) -> Callable[[int], None]:
        def prepare(number: int) -> None:
            empty_cache(folder)
            for name in names:
                fill(folder / name, bench.form.model_mb << 20)
            if committed:
                run(folder, *COMMIT)
            settle(len(names) * bench.form.model_mb << 20)

        return prepare

    upload = [sys.executable, "-c", PUBLISH]
    push = ["sh", "-c", f"dvc add -q {' '.join(names)} && git add -A && git commit -qm trained && dvc push -q"]
    contestants = [
        Contestant("cpv: git commit with upload", both, lambda number: COMMIT, new_models(both)),
        Contestant("cpv, the commit alone", hashed, lambda number: COMMIT, new_models(hashed)),
        Contestant("cpv, the upload alone", sent, lambda number: upload, new_models(sent, committed=True)),
        Contestant("dvc add, git commit, dvc push", dvc, lambda number: push, new_models(dvc)),
    ]
    yield Contest(f"{len(names)} new models of {bench.form.model_mb} MiB, to S3", contestants, bench.form.rounds).run()
    bench.drop(bucket)
    for contestant in contestants:
        shutil.rmtree(contestant.folder)
