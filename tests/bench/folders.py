"""Data folders of many files: nothing changed, one file changed, another version checked out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from bench.bench import Bench, commit, fill_folder
from bench.measure import Contest, Contestant, Row, Target, run, settle

NEVER = '[push]\nwhen = "never"\n'


def rows(bench: Bench) -> Iterator[Row]:
    """The same two versions of a folder under CPV and under DVC, each with a cache of its own."""
    files = bench.form.folder_files
    cpv, dvc = bench.cpv_repository("folders-cpv", NEVER), bench.dvc_repository("folders-dvc")
    for branch in ("one", "two"):
        tree = bench.folder("folders-tree")
        fill_folder(tree, files)
        for folder in (cpv, dvc):
            run(folder, "git", "checkout", "-q", "-b", branch)
            shutil.rmtree(folder / "data", ignore_errors=True)
            shutil.copytree(tree, folder / "data")
        run(dvc, "dvc", "add", "-q", "data")
        commit(cpv)
        commit(dvc)
    # The first look after a commit may still be writing down what it saw.
    run(cpv, "git", "status")
    run(dvc, "dvc", "status")
    yield _unchanged(bench, cpv, dvc)
    yield _checkout(bench, cpv, dvc)
    yield _beside_copy(bench)
    yield _one_changed(bench, cpv, dvc)
    shutil.rmtree(cpv)
    shutil.rmtree(dvc)


def _unchanged(bench: Bench, cpv: Path, dvc: Path) -> Row:
    contestants = [
        Contestant("cpv: git status", cpv, lambda number: ["git", "status", "--short"]),
        Contestant("cpv: git commit", cpv, lambda number: ["git", "commit", "--allow-empty", "-qm", "nothing"]),
        Contestant("dvc status", dvc, lambda number: ["dvc", "status", "-q"]),
    ]
    work = f"nothing changed in a folder of {bench.form.folder_files} files"
    return Contest(work, contestants, bench.form.rounds, 1, target=Target("dvc status", 1 / 20)).run()


def _checkout(bench: Bench, cpv: Path, dvc: Path) -> Row:
    def branch(number: int) -> str:
        return ("one", "two")[number % 2]

    def before_dvc(number: int) -> None:
        run(dvc, "git", "checkout", "-q", branch(number))
        settle()

    contestants = [
        Contestant(
            "cpv: git checkout", cpv, lambda number: ["git", "checkout", "-q", branch(number)], lambda number: settle()
        ),
        Contestant("dvc checkout", dvc, lambda number: ["dvc", "checkout", "-q"], before_dvc),
    ]
    work = f"check out a version in which all of {bench.form.folder_files} files differ"
    return Contest(work, contestants, bench.form.rounds, target=Target("dvc checkout", 1 / 3)).run()


def _beside_copy(bench: Bench) -> Row:
    """Files of 2 KiB; `cp -r` writes them into a folder that is not there yet."""
    files = bench.form.copied_files
    cpv, copy = bench.cpv_repository("copies-cpv", NEVER), bench.folder("copies")
    for branch in ("one", "two"):
        run(cpv, "git", "checkout", "-q", "-b", branch)
        shutil.rmtree(cpv / "data", ignore_errors=True)
        fill_folder(cpv / "data", files, 2048)
        commit(cpv)
    run(cpv, "git", "status")

    def branch_of(number: int) -> list[str]:
        return ["git", "checkout", "-q", ("one", "two")[number % 2]]

    contestants = [
        Contestant("cpv: git checkout", cpv, branch_of, lambda number: settle()),
        # Nothing is removed in between: without a journal ext4 gives out no inode of a file that has just gone, and
        # passes over all of them for each new file.
        Contestant("cp -r", cpv, lambda number: ["cp", "-r", "data", str(copy / str(number))], lambda number: settle()),
    ]
    work = f"check out a version in which all of {files} files of 2 KiB differ, beside a copy"
    row = Contest(work, contestants, bench.form.rounds, 1, target=Target("cp -r", 1.5)).run()
    shutil.rmtree(cpv)
    shutil.rmtree(copy)
    return row


def _one_changed(bench: Bench, cpv: Path, dvc: Path) -> Row:
    contestants = [
        Contestant(
            "cpv: git commit", cpv, lambda number: ["git", "commit", "-qm", "one file"], lambda number: change_one(cpv)
        ),
        Contestant("dvc add", dvc, lambda number: ["dvc", "add", "-q", "data"], lambda number: change_one(dvc)),
    ]
    work = f"one of {bench.form.folder_files} files changed, up to the commit"
    return Contest(work, contestants, bench.form.rounds, 1, target=Target("dvc add", 1 / 10)).run()


def change_one(folder: Path) -> None:
    """New content in one file of the data."""
    (folder / "data/0/0.bin").unlink()  # it may be a link into the cache
    (folder / "data/0/0.bin").write_bytes(os.urandom(200))
    settle()
