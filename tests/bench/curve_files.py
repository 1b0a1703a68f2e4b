"""How cost grows with the number of files in a data folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from bench.bench import Bench, fill_folder, say
from bench.curves import Curve, curve
from bench.folders import NEVER, change_one
from bench.measure import Contest, Contestant, Row, settle

MANY = 100_000
"""Files; with more of them one round takes half an hour."""
MIB_FOR_A_FILE = 1 / 50  # in the artifact, the cache and another work tree, in blocks of 4 KiB
MIB_FOR_A_COPY = 1 / 256  # in each further work tree


def rows(bench: Bench) -> Iterator[Curve]:
    """The first snapshot, and the steps after it."""
    found: dict[int, Row] = {}
    notes = []
    for files in bench.form.files:
        rounds = 1 if files > MANY else bench.form.rounds
        if not bench.has_room(int(files * (MIB_FOR_A_FILE + (rounds - 1) * MIB_FOR_A_COPY))):
            notes.append(f"no room on the disk for {files} files")
            continue
        say(f"curve-files: {files}")
        found[files] = _row(bench, files, rounds)
    yield curve("files", "A data folder", "files in the folder", found, notes)


def _row(bench: Bench, files: int, rounds: int) -> Row:
    folder = bench.cpv_repository(f"files-{files}", NEVER)
    trees = folder.with_name(f"{folder.name}-trees")

    def fill(number: int) -> None:
        fill_folder(folder / "data", files)
        settle()

    steps = [
        Contestant(
            "git commit, every file new", folder, lambda number: ["git", "commit", "-qm", "new"], fill, rounds=1
        ),
        Contestant("git status, nothing changed", folder, lambda number: ["git", "status", "--short"]),
        Contestant(
            "git commit, one file changed",
            folder,
            lambda number: ["git", "commit", "-qm", "one"],
            lambda number: change_one(folder),
        ),
        Contestant(
            "git worktree add, every file",
            folder,
            # All stay until the end: without a journal ext4 is slow to make files where as many have just gone.
            lambda number: ["git", "worktree", "add", "-q", "--detach", str(trees / str(number))],
        ),
    ]
    row = Contest(f"{files} files", steps, rounds, turn=False).run()
    _check(folder, files)
    shutil.rmtree(folder)
    shutil.rmtree(trees)
    return row


def _check(folder: Path, files: int) -> None:
    objects = sum(1 for path in (folder / ".dvc/cache/files").rglob("*") if path.is_file())
    if objects < files:
        raise SystemExit(f"{objects} objects in the cache for {files} files")
