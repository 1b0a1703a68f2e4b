"""What CPV's hooks would have done while another tool's ran in their place, or a client that runs none was at work:
versions numbered, data uploaded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress

from cpv_hooks.console.output import fail, say
from cpv_hooks.dvcformat.pointer import POINTER_FILES
from cpv_hooks.errors import CPVError
from cpv_hooks.git import hooks_in_place
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.config import FILE
from cpv_hooks.project.project import Project
from cpv_hooks.versions import tag_records, tag_refs, tags

# What Git writes into HEAD's reflog for the commands after which `post-commit` runs.
_COMMITS = ("commit", "cherry-pick", "revert")


def make_up(repo: Repo, projects: Sequence[Project]) -> bool:
    """Upload what commits and pushes left behind, and number the commits that hooks missed; whether nothing is left."""
    from cpv_hooks.transfer.commits import catch_up

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
    """Tag the checkpoints that were committed here without hooks, oldest first; returns the new names.

    Those are the commits of HEAD's branch, back to the last one that has or ever had an automatic tag. Where nobody
    took the hooks away, it was a client that runs none (libgit2, dulwich, JGit).
    """
    bypassed = hooks_in_place.were_bypassed(repo)
    if not any(project.config.tag_on_commit for project in projects) or not (bypassed or _last_lacks_its_tag(repo)):
        return []
    names: list[str] = []
    for commit in reversed(_untagged(repo, since_tag=not bypassed)):
        try:
            names += tags.create_auto(repo, projects, commit)
        except CPVError:
            if bypassed:
                raise
            # Its data had no place when it was committed, which was said then; the next commit is the version.
    return names


def _last_lacks_its_tag(repo: Repo) -> bool:
    """Whether the commit before HEAD that last changed a pointer has no automatic tag, and its settings want one."""
    last = repo.run("rev-list", "--first-parent", "-n", "1", "HEAD^", "--", *POINTER_FILES, check=False).strip()
    if not last or any(tag.info.automatic for tag in tag_refs.read_tags(repo, commit=last)):
        return False
    return not repo.ok("grep", "-q", "-E", r"^\s*on_commit\s*=\s*false", last, "--", FILE, f"*/{FILE}")


def _untagged(repo: Repo, *, since_tag: bool) -> list[str]:
    """The newest commits of HEAD's branch; with `since_tag` none where no older one of it has a tag: they may be older
    than CPV's part in this repository."""
    own = _committed_here(repo)
    found: list[str] = []
    if repo.resolve("HEAD") is None or not own:
        return []
    tagged = {tag.commit for tag in tag_refs.read_tags(repo) if tag.info.automatic} | _once_tagged(repo)
    for commit in repo.run("rev-list", "--first-parent", "HEAD").split():
        if commit in tagged:
            return found
        if commit not in own:
            break
        found.append(commit)
    return [] if since_tag else found


def _committed_here(repo: Repo) -> set[str]:
    """By the reflogs of HEAD and of its branch: dulwich writes that one alone."""
    branch = repo.run("symbolic-ref", "-q", "HEAD", check=False).strip()
    text = ""
    for log in [repo.git_dir / "logs" / "HEAD", *([repo.common_dir / "logs" / branch] if branch else [])]:
        with suppress(OSError):
            text += os.fsdecode(log.read_bytes())
    lines = [line.partition("\t") for line in text.splitlines()]
    return {ids.split(" ")[1] for ids, _, what in lines if what.startswith(_COMMITS) and " " in ids}


def _once_tagged(repo: Repo) -> set[str]:
    """The commits of tags that were made here and that somebody has deleted or moved since."""
    tags = [f"{line.split(' ')[0]}^{{commit}}" for line in tag_records.tags_made_here(repo) if line]
    return {commit for commit in repo.batch_check(tags) if commit}
