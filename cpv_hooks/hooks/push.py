"""What a `git push` is about to send, and what follows from it: asked of Git once, for however many refs."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

from cpv_hooks.git.caller import calling_git
from cpv_hooks.git.refs import TAGS
from cpv_hooks.git.repo import Repo, is_null
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.versions import pushed_tags

Answers = dict[str, Mapping[str, str] | None]
"""What the Git remotes that were asked have (ref to object id), by their names; None of one that did not answer."""


class Update(NamedTuple):
    local: str
    oid: str
    remote: str
    remote_oid: str

    @property
    def is_tag(self) -> bool:
        return self.remote.startswith(TAGS)


class Push:
    """The refs of a push to a remote, without those that it deletes."""

    def __init__(self, repo: Repo, updates: Sequence[Update], remote: str) -> None:
        self.repo = repo
        self.updates = updates
        self.remote = remote
        self.answers: Answers = {}

    @cached_property
    def tags(self) -> dict[str, Update]:
        return {update.remote.removeprefix(TAGS): update for update in self.updates if update.is_tag}

    @cached_property
    def commits(self) -> Mapping[str, str]:
        """The commit of each object id, of both sides, that stands for one which this clone has."""
        from cpv_hooks.git.objects import commits_of

        oids = [oid for update in self.updates for oid in (update.oid, update.remote_oid)]
        return commits_of(self.repo, [oid for oid in oids if oid and not is_null(oid)])

    @cached_property
    def had(self) -> list[str]:
        """What the remote has under the names of the push, as far as this clone knows it."""
        return [update.remote_oid for update in self.updates if update.remote_oid in self.commits]

    @cached_property
    def new_commits(self) -> list[str]:
        """The commits that the remote lacks, as far as this clone knows."""
        lines = [*(update.oid for update in self.updates), *(f"^{oid}" for oid in self.had)]
        # What the Git host has was complete when it went there. A remote given by its URL has no such refs.
        known = ["--not", f"--remotes={self.remote}"] if self.repo.config(f"remote.{self.remote}.url") else []
        return self.repo.run("rev-list", "--stdin", *known, input="".join(f"{line}\n" for line in lines)).split()

    def without_branch(self, commits: Collection[str]) -> set[str]:
        """Those commits that are in no branch of the push, and in none that the remote has."""
        tips = [update.oid for update in self.updates if not update.is_tag and not self._is_refused(update)]
        from cpv_hooks.versions.tag_refs import commits_outside

        return commits_outside(self.repo, commits, tips, f"--remotes={self.remote}")

    def _is_refused(self, update: Update) -> bool:
        """Whether Git has refused this branch already: it shows us the one that it wants to be fetched first."""
        if is_null(update.remote_oid) or update.remote_oid in self.commits:
            return False
        git = calling_git()
        forced = [word for word in (git.words if git else ()) if word.startswith(("-f", "--force", "--mirror", "+"))]
        return not forced

    def ask(self, remote: str) -> Mapping[str, str]:
        """What a Git remote has (ref to object id), asked once; nothing where it does not answer."""
        if remote not in self.answers:
            self.answers[remote] = pushed_tags.on_host(self.repo, remote)
        return self.answers[remote] or {}


def updates_from(text: str) -> list[Update]:
    """The refs of a push from what Git, or else the pre-commit framework, hands on, without those that it deletes."""
    found = [Update(*line.split(" ")) for line in text.splitlines() if line.count(" ") == 3] or _from_precommit()
    return [update for update in found if not is_null(update.oid)]


def _from_precommit() -> list[Update]:
    """pre-commit hands on one ref, in its environment."""
    oid = os.environ.get("PRE_COMMIT_TO_REF")
    if not oid:
        return []
    remote = os.environ.get("PRE_COMMIT_REMOTE_BRANCH", "")
    return [
        Update(os.environ.get("PRE_COMMIT_LOCAL_BRANCH", ""), oid, remote, os.environ.get("PRE_COMMIT_FROM_REF", ""))
    ]
