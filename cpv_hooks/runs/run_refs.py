"""The hidden refs of runs, `refs/cpv/runs/RUN/STEP`: on no branch, in no plain `git log` or `git push`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from cpv_hooks.errors import CPVError

if TYPE_CHECKING:
    from cpv_hooks.git.repo import Repo
    from cpv_hooks.runs.step_record import RunStep

PREFIX = "refs/cpv/runs/"
HOST = "origin"
"""The Git host that `[runs] push` takes them to."""
FINISHED = "finished"
"""The ref beside the steps of a run that has come to its end."""
_NAME = re.compile(r"[A-Za-z0-9]+(?:[._-]+[A-Za-z0-9]+)*(?<!\.lock)")
_FIELDS = "%(refname)%00%(objecttype)%00%(objectname)%00%(parent)%00%(committerdate:unix)%00%(contents)%00"
_MOST = 100


def check_run_name(name: str) -> str:
    """The name of a run as it is; `CPVError` for one that Git would not take everywhere."""
    if len(name) > _MOST or ".." in name or not _NAME.fullmatch(name):
        what = f"{name!r} is not a name for a run (letters, digits, and - . _ between them, at most {_MOST})"
        raise CPVError(what, fix="a name such as bert-large-7; dvc cpv runs list has those that are there")
    return name


def ref_of(run: str, step: int | str) -> str:
    return f"{PREFIX}{run}/{step}"


def run_names(repo: Repo) -> list[str]:
    listed = repo.run("for-each-ref", "--format=%(refname)", PREFIX).splitlines()
    return sorted({ref.removeprefix(PREFIX).rpartition("/")[0] for ref in listed} - {""})


def steps_of_run(repo: Repo, run: str) -> list[RunStep]:
    """The steps of a run, the newest last; none where there is no such run."""
    from cpv_hooks.runs.step_record import parse_step_message

    values = repo.run("for-each-ref", f"--format={_FIELDS}", ref_of(run, "")).split("\0")
    found = []
    for start in range(0, len(values) - 6, 6):
        ref, kind, oid, parents, time, contents = values[start : start + 6]
        last = ref.rpartition("/")[2]
        step = parse_step_message(contents, parents.split(), oid, float(time or 0)) if kind == "commit" else None
        if step is not None and last == str(step.step):
            found.append(step)
    return sorted(found, key=lambda step: (step.lap, step.step))


def step_at(repo: Repo, commit: str) -> RunStep | None:
    """What a commit says of a step, whether a ref names it or not; None where it is none of a run's."""
    from cpv_hooks.runs.step_record import parse_step_message

    parents, time, contents = repo.run("show", "-s", "--format=%P%x00%ct%x00%B", commit).split("\0", 2)
    return parse_step_message(contents, parents.split(), commit, float(time))


def has_host(repo: Repo) -> bool:
    """Whether this clone knows the Git host that runs are pushed to."""
    return HOST in repo.run("remote").split()


def require_steps(repo: Repo, run: str) -> list[RunStep]:
    found = steps_of_run(repo, run)
    if not found:
        fix = "dvc cpv runs list"
        if has_host(repo):
            fix += f", or, where another clone has pushed it, git fetch {HOST} '+{PREFIX}*:{PREFIX}*'"
        raise CPVError(f"there is no run {run!r}", where=str(repo.top), fix=fix)
    return found


def is_finished(repo: Repo, run: str) -> bool:
    return repo.ok("rev-parse", "--verify", "--quiet", ref_of(run, FINISHED))


def write_step_ref(repo: Repo, run: str, step: int | str, commit: str) -> None:
    """Let a step's ref name a commit, whatever it named before."""
    repo.run("update-ref", "--stdin", "-z", input=f"update {ref_of(run, step)}\0{commit}\0\0")


def delete_step_refs(repo: Repo, run: str, gone: Iterable[RunStep]) -> None:
    """Delete the refs of steps, all of them or none. The mark of the run's end goes to the last step that is left."""
    dropped = {step.step for step in gone}
    lines = [f"delete {ref_of(run, step)}\0\0" for step in sorted(dropped)]
    if lines and is_finished(repo, run):
        left = [step for step in steps_of_run(repo, run) if step.step not in dropped]
        mark = ref_of(run, FINISHED)
        lines.append(f"update {mark}\0{left[-1].commit}\0\0" if left else f"delete {mark}\0\0")
    if lines:
        repo.run("update-ref", "--stdin", "-z", input="".join(lines))


def next_name(name: str, taken: Collection[str]) -> str:
    """The first of NAME, NAME-2, NAME-3 … that is not taken."""
    count, found = 1, name
    while found in taken:
        count += 1
        found = f"{name}-{count}"
    return found
