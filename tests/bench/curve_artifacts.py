"""How cost grows with the number of artifacts in a repository."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

from bench.bench import Bench, say
from bench.curves import Curve, curve
from bench.measure import Contest, Contestant, Row, run, settle

BYTES = 100_000


def rows(bench: Bench) -> Iterator[Curve]:
    """Commits with their upload to S3, and what a checkout and a look cost."""
    found: dict[int, Row] = {}
    for artifacts in bench.form.artifacts:
        say(f"curve-artifacts: {artifacts}")
        found[artifacts] = _row(bench, artifacts)
    yield curve("artifacts", "Models of 100 KB in one repository, on S3", "artifacts", found)


def _row(bench: Bench, artifacts: int) -> Row:
    bucket = bench.server.make_bucket()
    folder = bench.cpv_repository(f"artifacts-{artifacts}", '[artifacts]\nmodel = ["models/*.bin"]\n', bucket)
    tree = folder.with_name(f"{folder.name}-tree")
    models = [folder / "models" / f"{number}.bin" for number in range(artifacts)]
    models[0].parent.mkdir()

    def change(count: int) -> None:
        for model in models[:count]:
            model.unlink(missing_ok=True)
            model.write_bytes(os.urandom(BYTES))
        settle()

    def remove_tree(number: int) -> None:
        run(folder, "git", "worktree", "remove", "--force", str(tree))

    steps = [
        Contestant(
            "git commit, all changed",
            folder,
            lambda number: ["git", "commit", "-qm", "all"],
            lambda number: change(artifacts),
        ),
        Contestant(
            "git commit, one changed", folder, lambda number: ["git", "commit", "-qm", "one"], lambda number: change(1)
        ),
        Contestant("git status, nothing changed", folder, lambda number: ["git", "status", "--short"]),
        Contestant(
            "git worktree add",
            folder,
            lambda number: ["git", "worktree", "add", "-q", "--detach", str(tree)],
            finish=remove_tree,
        ),
    ]
    row = Contest(f"{artifacts} artifacts", steps, bench.form.rounds, turn=False).run()
    objects = len(bench.server.keys(bucket))
    if objects < artifacts:
        raise SystemExit(f"{objects} objects on the server for {artifacts} artifacts")
    bench.drop(bucket)
    shutil.rmtree(folder)
    return row
