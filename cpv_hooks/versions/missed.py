"""What CPV's hooks would have done while another tool's ran in their place: versions numbered, data uploaded."""

from __future__ import annotations

import os
from collections.abc import Sequence

from cpv_hooks.console.output import fail, say
from cpv_hooks.errors import CPVError
from cpv_hooks.git import hooks_in_place
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.transfer.commits import catch_up
from cpv_hooks.versions import tag_refs, tags

# What Git writes into HEAD's reflog for the commands after which `post-commit` runs.
_COMMITS = ("commit", "cherry-pick", "revert")


def make_up(repo: Repo, projects: Sequence[Project]) -> bool:
    """Upload what commits and pushes left behind, and number the commits that hooks missed; whether nothing is left."""
    whole = catch_up.with_all(projects)
    if not hooks_in_place.were_bypassed(repo):
        return whole
    try:
        names = number_missed(repo, projects)
    except CPVError as error:
        fail(error)
        return False
    if names:
        from cpv_hooks.events.outbox import emit_tagged

        say(f"tagged {' '.join(names)}")
        emit_tagged(repo.top, names)
    if whole:
        hooks_in_place.made_up(repo)
    return whole


def number_missed(repo: Repo, projects: Sequence[Project]) -> list[str]:
    """Tag the checkpoints that were committed here while hooks were bypassed, oldest first; returns the new names.

    Those are the commits of HEAD's branch, back to the last one that has or ever had an automatic tag.
    """
    if not projects or not hooks_in_place.were_bypassed(repo):
        return []
    names: list[str] = []
    for commit in reversed(_untagged(repo)):
        names += tags.create_auto(repo, projects, commit)
    return names


def _untagged(repo: Repo) -> list[str]:
    own, found = _committed_here(repo), []
    if repo.resolve("HEAD") is None or not own:
        return []
    tagged = {tag.commit for tag in tag_refs.read_tags(repo) if tag.info.automatic} | _once_tagged(repo)
    for commit in repo.run("rev-list", "--first-parent", "HEAD").split():
        if commit in tagged or commit not in own:
            break
        found.append(commit)
    return found


def _committed_here(repo: Repo) -> set[str]:
    try:
        text = os.fsdecode((repo.git_dir / "logs" / "HEAD").read_bytes())
    except OSError:
        return set()
    lines = [line.partition("\t") for line in text.splitlines()]
    return {ids.split(" ")[1] for ids, _, what in lines if what.startswith(_COMMITS) and " " in ids}


def _once_tagged(repo: Repo) -> set[str]:
    """The commits of tags that were made here and that somebody has deleted or moved since."""
    asked = "".join(f"{line.split(' ')[0]}^{{commit}}\n" for line in tag_refs.tags_made_here(repo) if line)
    answers = repo.run("cat-file", "--batch-check=%(objectname)", input=asked).splitlines() if asked else []
    return {line for line in answers if not line.endswith(" missing")}
