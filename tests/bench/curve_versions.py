"""How cost grows with the number of versions in a history."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

from bench.bench import NO_HOOKS, Bench, say
from bench.curves import Curve, curve
from bench.measure import Contest, Contestant, Row, run
from bench.past import make_past


def rows(bench: Bench) -> Iterator[Curve]:
    """What people do in a repository with a long past."""
    found: dict[int, Row] = {}
    for versions in bench.form.versions:
        say(f"curve-versions: {versions}")
        found[versions] = _row(bench, versions)
    yield curve("versions", "Versions of a model in one history", "versions", found)


def _row(bench: Bench, versions: int) -> Row:
    folder = bench.cpv_repository(f"versions-{versions}", "")
    origin, other = (folder.with_name(f"{folder.name}-{name}.git") for name in ("origin", "other"))
    make_past(folder, versions)
    listed = len(run(folder, "cpv", "model", "list-tags").splitlines())
    if listed != versions:
        raise SystemExit(f"{listed} of {versions} versions are listed")
    for host in (origin, other):
        run(folder, "git", "clone", "-q", "--bare", "--no-hardlinks", str(folder), str(host))
    run(folder, "git", "remote", "add", "origin", str(origin))

    made = itertools.count()

    def train(number: int) -> None:
        (folder / "model.bin").write_text(f"trained in round {number}\n")

    def train_and_commit(number: int) -> None:
        (folder / "model.bin").write_text(f"to push, {next(made)}\n")
        run(folder, "git", "commit", "-qm", "trained")

    there_and_back = ["sh", "-c", "git checkout -q v0.0 && git checkout -q main"]
    steps = [
        Contestant("git commit, a new version", folder, lambda number: ["git", "commit", "-qm", "trained"], train),
        Contestant(
            "git commit, nothing new", folder, lambda number: ["git", "commit", "--allow-empty", "-qm", "nothing"]
        ),
        Contestant("git checkout v0.0 and back", folder, lambda number: there_and_back),
        Contestant(
            "git push, a new version", folder, lambda number: ["git", "push", "-q", "origin", "main"], train_and_commit
        ),
        Contestant(
            "git push, a new version, without hooks",
            folder,
            # By its address, so that the push with hooks, in the next round, has nothing to make up for.
            lambda number: ["git", *NO_HOOKS, "push", "-q", str(other), "main"],
            train_and_commit,
        ),
        Contestant("next tag: cpv tag", folder, lambda number: ["cpv", "tag"]),
        Contestant("list: cpv model list-tags", folder, lambda number: ["cpv", "model", "list-tags"]),
        Contestant("look: cpv prune", folder, lambda number: ["cpv", "prune"]),
    ]
    row = Contest(f"{versions} versions", steps, bench.form.rounds, turn=False).run()
    for path in (folder, origin, other, Path(f"{folder}-storage")):
        shutil.rmtree(path)
    return row
