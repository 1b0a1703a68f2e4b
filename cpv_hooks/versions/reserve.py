"""Reserving a version on the Git host: a tag is pushed at once, and where somebody was first the next number is taken.

Git's own rule does the reserving: a push never replaces a tag (`git push` without `--force`), and `--atomic` takes both
lines or neither.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.git.refs import TAGS
from cpv_hooks.git.repo import Repo, environment
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.versions import tag_records, tag_refs, tags

# Each loss means that somebody else got a number; more than this in a row is another problem.
_ATTEMPTS = 100


def reserve_version(
    repo: Repo, project: Project, version: str | None, message: str | None, lines: Sequence[Line], remote: str
) -> list[str]:
    """Tag HEAD in these lines and push the tags, with all that they point to, before anybody else has the names.

    The hooks of the push make sure that the data is on the DVC remote. Without `version` each line takes its next
    number, and the next after it where the Git host has that one. Returns the names. Raises `CPVError`, and leaves no
    tag behind, where a `version` is taken there or the push fails.
    """
    if repo.config(f"remote.{remote}.url") is None:
        fix = f"git remote add {shell_word(remote)} URL, or dvc cpv tag without --push"
        raise CPVError(f"there is no Git remote {remote!r}", where=str(repo.top), fix=fix)
    for _ in range(_ATTEMPTS):
        # Everybody else's names, so that the next free one is free there too. An unpublished tag of ours that has
        # somebody else's name makes Git complain; a push renumbers it.
        repo.run("fetch", "--quiet", "--tags", remote, check=False)
        names = tags.create_tags(repo, project, version, message, lines)
        try:
            taken = _push(repo, remote, names)
        except CPVError:
            _remove(repo, names)
            raise
        if not taken:
            tag_records.mark_published(
                repo, {tag.name: tag.oid for name in names for tag in tag_refs.read_tags(repo, name=name)}
            )
            return names
        _remove(repo, names)
        if version is not None:
            what = f"the tag {taken[0]} exists on {remote} already"
            raise CPVError(what, where=str(repo.top), fix=f"git fetch --tags {shell_word(remote)}, then dvc cpv tag")
        # Everybody else's names, so that the next free one is free there too.
        repo.run("fetch", "--quiet", "--tags", remote)
    raise CPVError(
        f"{remote} refused {_ATTEMPTS} names in a row",
        where=str(repo.top),
        fix=f"git fetch --tags {shell_word(remote)}",
    )


def _push(repo: Repo, remote: str, names: Sequence[str]) -> list[str]:
    """Push tags, all or none; returns those that the remote has already."""
    refs = [f"{TAGS}{name}:{TAGS}{name}" for name in names]
    command = ["git", "-c", "push.followTags=false", "push", "--porcelain", "--atomic", remote, *refs]
    done = subprocess.run(
        command,
        cwd=repo.top,
        env=_hooked(repo),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    rows = [line.split("\t") for line in os.fsdecode(done.stdout).splitlines()]
    if not done.returncode:
        # "Up to date": the same user in the same second made the very same tag elsewhere.
        return [row[1].partition(":")[2].removeprefix(TAGS) for row in rows if row[0] == "="]
    taken = _there(repo, remote, names) if any(row[0] == "!" for row in rows) else []
    if taken:
        return taken
    said = [line for line in os.fsdecode(done.stderr).splitlines() if line.strip()]
    # CPV's own hook says what is missing and how to mend it; else Git's first complaint counts.
    own = next((line for line in said if line.startswith("cpv: ")), None)
    reason = own or next((line for line in said if line.startswith(("fatal: ", "error: ", "remote: "))), None)
    what = (reason or (said or [f"git push ended with {done.returncode}"])[-1]).removeprefix("cpv: ")
    raise CPVError(f"{remote} did not take {' '.join(names)}: {what}", where=str(repo.top), fix="dvc cpv tag --push")


def _there(repo: Repo, remote: str, names: Sequence[str]) -> list[str]:
    """Which of these tags the remote has; servers tell a lost race in many ways."""
    refs = [f"{TAGS}{name}" for name in names]
    listed = repo.run("ls-remote", "--tags", remote, *refs, check=False).splitlines()
    found = {line.partition("\t")[2] for line in listed}
    return [name for name, ref in zip(names, refs, strict=True) if ref in found]


def _hooked(repo: Repo) -> Mapping[str, str]:
    """The environment of a Git command whose hooks do CPV's work."""
    env = environment({"GIT_DIR": str(repo.git_dir), "GIT_WORK_TREE": str(repo.top)})
    del env["CPV_RUNNING"], env["GIT_OPTIONAL_LOCKS"]
    return env


def _remove(repo: Repo, names: Sequence[str]) -> None:
    """Take back tags that nobody has seen."""
    found = [tag for name in names for tag in tag_refs.read_tags(repo, name=name)]
    tag_refs.update_tags(repo, delete=found)
