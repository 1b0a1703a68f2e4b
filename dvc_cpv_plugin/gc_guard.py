"""`dvc gc` in a repository that CPV looks after: first it is seen to that no version loses its only copy.

DVC keeps what the work tree needs, or the commits that it was told to keep; what a version's tag needs it keeps with
`-T` or `-A` alone, and of rescues, stashes, Git's index and other work trees it knows nothing.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cpv_hooks.project.project import Project


def guard_gc(subparsers: Any) -> None:
    """Let `dvc gc` start by way of `GuardedGC`; a DVC that has no such command stays as it is."""
    parser = getattr(subparsers, "choices", {}).get("gc")
    if parser is not None and (original := parser.get_default("func")):
        parser.set_defaults(func=lambda args: GuardedGC(original, args))


class GuardedGC:
    """DVC's own command, with a look before it and a note after it."""

    def __init__(self, original: Callable[[argparse.Namespace], Any], args: argparse.Namespace) -> None:
        self._args = args
        self._command = original(args)

    def do_run(self) -> int:
        """Run DVC's command, unless it would take what nobody else has."""
        from cpv_hooks.console.output import fail
        from cpv_hooks.errors import CPVError

        try:
            project = _managed(self._command.repo.root_dir)
            if project is not None:
                if not self._args.dry:
                    self._make_safe(project)
                self._keep_unsaved(project)
        except CPVError as error:
            return fail(error)
        status: int = self._command.do_run()
        if project is not None and self._args.cloud and not self._args.dry:
            from cpv_hooks.transfer.objects.upload_queue import Queue

            # What was seen on the remote may be there no more.
            Queue.of(project.repo).forget_all()
        return status

    def _make_safe(self, project: Project) -> None:
        """Upload what versions need and this would take; say it where it goes from the remote too."""
        names = self._losing(project)
        if not names:
            return
        from cpv_hooks.console.output import few, warn
        from cpv_hooks.errors import CPVError, one_line

        listed = few(list(names))
        if self._args.cloud:
            what = f"{listed}: their data would go from the remote too, and then nobody has it"
            warn(one_line(what, fix="answer n (dvc gc -w -T keeps what tags need)"))
            return
        from cpv_hooks.transfer.commits.upload_commits import ensure_uploaded
        from cpv_hooks.transfer.objects.store import Store

        gaps = ensure_uploaded(project, sorted(set(names.values())))
        held = [gap for gap in gaps if not Store(project, legacy=gap.pointer.legacy).lacks(gap.oid)]
        if held:
            what = f"the cache has the only copy of {held[0].path}, which {listed} need"
            fix = "dvc push -A, or dvc gc -A, which keeps what commits need"
            raise CPVError(what, where=str(project.root), fix=fix)

    def _keep_unsaved(self, project: Project) -> None:
        """Let DVC keep what `prune` never takes, whatever a remote has: content that no commit has, and stashes."""
        from dvc_data.hashfile.hash_info import HashInfo

        from cpv_hooks.upkeep.prune.needed_objects import Needed
        from cpv_hooks.upkeep.prune.prune_plan import PruneOptions

        # With an age, versions in which nobody works are left to DVC.
        unsaved = Needed(project.repo, [project], PruneOptions(older_than=0)).here()
        dvc, used_objs = self._command.repo, self._command.repo.used_objs

        def with_unsaved(*args: Any, **options: Any) -> Any:
            found = used_objs(*args, **options)
            found.setdefault(None, set()).update(HashInfo("md5", oid) for oid in unsaved)
            return found

        dvc.used_objs = with_unsaved

    def _losing(self, project: Project) -> dict[str, str]:
        """The tags, and the commits that no Git remote has, that need what DVC would not keep."""
        if self._args.all_commits:
            return {}
        from cpv_hooks.errors import CPVError
        from cpv_hooks.project.pointers_at import pointers_at
        from cpv_hooks.versions.tag_refs import tagged_commits

        asked = {} if self._args.all_tags else tagged_commits(project.repo)
        if not self._args.cloud:
            named = set(asked.values())
            asked |= {commit[:10]: commit for commit in _unpublished(project) if commit not in named}
        kept = self._kept() if asked else set()
        found: dict[str, str] = {}
        for name, commit in asked.items():
            with suppress(CPVError):  # a tag of something else, a pointer that nobody can read
                if any(pointer.oid not in kept for pointer in pointers_at(project, commit) if pointer.oid):
                    found[name] = commit
        return found

    def _kept(self) -> set[str]:
        """The objects that DVC would keep."""
        args = self._args
        used = self._command.repo.used_objs(
            all_branches=args.all_branches,
            all_experiments=args.all_experiments,
            commit_date=args.commit_date,
            remote=args.remote,
            force=True,
            revs=[args.rev] if args.rev else None,
            num=args.num or 1,
            skip_failed=True,
        )
        return {item.value for items in used.values() for item in items}


def _unpublished(project: Project) -> list[str]:
    """The commits of branches that changed a pointer and that no Git remote is known to have."""
    listed = project.repo.run("rev-list", "--branches", "--not", "--remotes", "--", "*.dvc", "dvc.lock", "*/dvc.lock")
    return listed.split()


def _managed(root: str) -> Project | None:
    """The DVC root, where CPV looks after it."""
    from pathlib import Path

    from cpv_hooks.git.no_repository import NoRepository
    from cpv_hooks.git.repo import Repo
    from cpv_hooks.project.project import Project

    with suppress(NoRepository):
        projects = Project.find_all(Repo.discover(Path(root)))
        return next((one for one in projects if os.path.samefile(one.root, root)), None)
    return None
