"""`post-rewrite`: an amend or a rebase replaced commits; artifacts follow, and unpublished automatic tags too."""

from __future__ import annotations

import sys

from cpv_hooks.console.output import say
from cpv_hooks.git.repo import Repo
from cpv_hooks.hooks.hook_run import begin_hook, quietly
from cpv_hooks.recovery.guarded_sync import guarded_sync
from cpv_hooks.sync.report import tell_changes
from cpv_hooks.sync.sync_policy import REWRITE
from cpv_hooks.transfer.commits.by_policy import upload_by_policy
from cpv_hooks.versions import pushed_tags, tags


def run(args: list[str]) -> int:
    """Standard input has a line `OLD NEW` for each commit (githooks(5))."""
    repo = begin_hook()
    pairs = _pairs(sys.stdin.read()) or _recorded_pairs(repo)
    report = guarded_sync(repo, quietly(REWRITE))
    tell_changes(report)
    if report.projects and pairs:
        # A push that was refused has published nothing: its tags follow.
        pushed_tags.settle_pushed(repo)
        moved = tags.move_rewritten(repo, report.projects[0], pairs)
        if moved:
            from cpv_hooks.events.outbox import emit_tagged

            say(f"tagged {' '.join(moved)}")
            emit_tagged(repo.top, moved)
        upload_by_policy(repo, report.projects, [new for _, new in pairs], args[0] if args else "rewrite")
    return 0


def _pairs(text: str) -> list[tuple[str, str]]:
    found = [line.split()[:2] for line in text.splitlines() if len(line.split()) >= 2]
    return [(old, new) for old, new in found]


def _recorded_pairs(repo: Repo) -> list[tuple[str, str]]:
    """pre-commit hands on no standard input: a rebase leaves its list, an amend its reflog."""
    try:
        return _pairs((repo.git_dir / "rebase-merge" / "rewritten-list").read_text(encoding="utf-8"))
    except OSError:
        old, new = repo.resolve("HEAD@{1}"), repo.resolve("HEAD")
        return [(old, new)] if old and new else []
