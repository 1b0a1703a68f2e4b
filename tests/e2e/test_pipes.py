"""A named pipe in the place of a file of CPV's own: whoever opened it would wait for ever, and Git with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from pathlib import Path

import pytest

from cpv_hooks import state_files
from e2e.conftest import Tell
from e2e.story import Story

# What is passed over, and made anew where it is needed.
MARKS = {*state_files.BY_SHIMS, state_files.NUMBERED, state_files.SAID, state_files.ONLY_CPV, state_files.DETOUR}
MARKS |= {state_files.DETOUR_WANTED, state_files.RESTAGE, state_files.COMPLETED}
OF_THE_SYNC = {state_files.INDEX, state_files.PROJECTS, state_files.ROOTS, state_files.SINCE}
OF_THE_SYNC |= {state_files.WATCH, state_files.STAMP, state_files.STAMP_WRITTEN, state_files.DETOUR_INDEX}
OF_THE_SYNC |= {state_files.COMMIT_INDEX, state_files.INIT}
SHARED = {state_files.QUEUED, state_files.SENT, state_files.PUSHES_CHECKED, state_files.NO_METRICS}
SHARED |= {state_files.HISTORY, state_files.UPLOADS, state_files.S3, state_files.MOVE_LOCK, state_files.RUNS}
SHARED |= {state_files.RUNS_LOCK, state_files.STAGES_LOCK, state_files.RANKS, state_files.HOOKS_SEEN}
SHARED |= {state_files.BYPASSED, state_files.HOOKS, state_files.MERGE_DRIVER, state_files.INSTALL}
SHARED |= {state_files.UNINSTALLED, state_files.UNINSTALL, state_files.QUEUE_LOCK, state_files.RESCUES_LOCK}
SHARED |= {name for name in state_files.OF_REPOSITORY if "*" in name}
# What may not be lost without a word, or is a lock: one line names it, with the command.
REFUSED = {state_files.LOCK: "rm", state_files.OPERATION: "rm", state_files.CLOCK: "rm", state_files.QUEUE: "rm"}
REFUSED |= {state_files.RESCUES: "rm", state_files.PUBLISHED: "rm", state_files.MADE: "rm", state_files.FETCH: "rm"}
REFUSED |= {state_files.JOURNAL: "mv", state_files.TREES: "mv"}
GROUPS = {"marks": MARKS, "of the sync": OF_THE_SYNC, "shared": SHARED}
WORK = """
git status
put model.bin model 3
git commit -qm data
put train.py print(3)
git add train.py
git commit -qm code
put model.bin model 4
git commit -qam more
git checkout -q HEAD^
git checkout -q main
git commit -q --amend -m other
git tag v9.0
git push -q ../host.git main
git merge -q --no-edit side
cpv status
cpv sync
cpv verify HEAD
cpv prune --yes
cpv recover
cpv rescue list
"""
SOME_WORK = """
git status
put model.bin model 3
git commit -qm data
git checkout -q HEAD^
git checkout -q main
git tag v9.0
git push -q ../host.git main
cpv sync
cpv install
cpv prune --yes
"""


def lay_pipes(story: Story, names: Collection[str]) -> list[Path]:
    places = [story.path / ".git" / state_files.FOLDER / name.replace("*", "x") for name in names]
    for place in places:
        if not place.is_fifo():
            shutil.rmtree(place, ignore_errors=True)
            place.unlink(missing_ok=True)
            os.mkfifo(place)
    return places


def work(story: Story, lines: str, names: Collection[str], status: int | None) -> list[str]:
    """Run the commands, with pipes in these places before each; returns what was said."""
    story.git("init", "-q", "--bare", "../host.git")
    story.git("branch", "side")
    said = []
    for line in lines.strip().splitlines():
        verb, *words = line.split(" ", 2) if line.startswith("put") else line.split()
        if verb == "put":
            story.put(words[0], f"{words[1]}\n")
            continue
        lay_pipes(story, names)
        run = story.git if verb == "git" else story.cpv
        said += run(*words, status=status, timeout=120).text.splitlines()
    assert not [line for line in said if "bug" in line or "Traceback" in line]
    return said


def test_every_file_is_in_a_group() -> None:
    assert MARKS | OF_THE_SYNC | SHARED | REFUSED.keys() == state_files.OF_WORK_TREE | state_files.OF_REPOSITORY


@pytest.mark.parametrize("way", ["both", "shims"])
@pytest.mark.parametrize("group", GROUPS)
def test_a_pipe_is_passed_over(tell: Tell, group: str, way: str) -> None:
    story = tell(way)
    work(story, WORK, GROUPS[group], 0)
    assert story.git("tag", "--points-at", "main", "v9.0").lines == ["v9.0"]
    for place in lay_pipes(story, GROUPS[group]):
        place.unlink()
    story.cpv("sync")
    story.check()


@pytest.mark.parametrize("name", REFUSED)
def test_one_line_names_the_pipe(tell: Tell, name: str) -> None:
    story = tell("live")
    said = work(story, SOME_WORK, [name], None)
    (place,) = lay_pipes(story, [name])
    named = [line for line in said if str(place) in line]
    assert named
    assert not [line for line in named if not line.startswith("cpv: ") or f"; fix: {REFUSED[name]} {place}" not in line]
    place.unlink()
    story.cpv("sync")
    story.git("commit", "-qam", "left over", status=None)
    story.check()
